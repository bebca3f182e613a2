# Lists a directory in a loop while its entries change, until the file RUNNING is removed.
# watch-listing.pl DIRECTORY RUNNING PREFIX COUNT
# Fails if a name PREFIX0 … that always exists is missing or listed twice. Every other listing is made in
# pieces, each of which begins where the previous one ended.
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
    die "listing $listings: $prefix$i was listed $times times\n" if $times != 1;
  }
  $listings++;
}
die "nothing was listed\n" if $listings == 0;
