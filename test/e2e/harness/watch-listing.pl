# Lists a directory over and over while its entries change, until the file RUNNING is gone.
#   watch-listing.pl DIRECTORY RUNNING PREFIX COUNT
# Says what is wrong when a name PREFIX0 … that stays there is missing or comes twice. Every other listing is made in pieces,
# each from where the one before it ended.
use strict;
use warnings;

my ($directory, $running, $prefix, $count) = @ARGV;
my $listings = 0;
while (-e $running) {
  my %seen;
  my $position;
  my $left = 1;
  while ($left) {
    opendir(my $handle, $directory) or die "$directory: $!";
    seekdir($handle, $position) if defined $position;
    $left = 0;
    my $piece = $listings % 2 ? 200 : 1e9;
    while (defined(my $name = readdir $handle)) {
      $seen{$name}++ if index($name, $prefix) == 0;
      if (--$piece == 0) { $position = telldir $handle; $left = 1; last }
    }
    closedir $handle;
  }
  for my $i (0 .. $count - 1) {
    my $times = $seen{"$prefix$i"} // 0;
    die "listing $listings: $prefix$i came $times times\n" if $times != 1;
  }
  $listings++;
}
die "nothing was listed\n" if $listings == 0;
