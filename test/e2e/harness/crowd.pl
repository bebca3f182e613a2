# One of many processes that work in one tree at the same time. It records the entries that must exist because
# of its work.
# crowd.pl ROOT ME OPERATIONS SECONDS REPORT
# Ends after SECONDS, or, if that is 0, after OPERATIONS. REPORT gets a line `PATH<tab>CONTENT` for each name
# that it leaves (the content of a directory is `/`), `=NAME` for each shared name that it has taken, and
# `!WHAT` for each failure that must not happen.
use strict;
use warnings;
use Errno qw(ENOENT EEXIST ENOTEMPTY);
use Fcntl;

my ($root, $me, $operations, $seconds, $report) = @ARGV;
my $directories = 8;
my $shared = 64;
srand($me + 1);
my %mine;
my @wrong;
my @claimed;
my $serial = 0;

sub pick { my @all = sort grep { $mine{$_} ne '/' } keys %mine; @all ? $all[rand @all] : undef }
sub place { 'd' . int(rand $directories) . "/p$me-" . ($_[0] // $serial++) }
sub wrong { push @wrong, "$_[0]: $!" }

sub create {
  # Sometimes use a name that existed before, perhaps for another kind of object.
  my $path = place(rand() < 0.3 && $serial > 0 ? int(rand $serial) : undef);
  return if exists $mine{$path};
  my $content = "$me." . $serial++;
  sysopen(my $file, "$root/$path", O_CREAT | O_EXCL | O_WRONLY) or return wrong("create $path");
  syswrite($file, $content) == length $content or wrong("write $path");
  close $file or wrong("close $path");
  $mine{$path} = $content;
}

sub move {
  my $from = pick() // return;
  my $to = rand() < 0.3 ? pick() : place();
  return if $from eq $to;
  return if defined $mine{$to} && $mine{$to} eq '/';
  rename("$root/$from", "$root/$to") or return wrong("rename $from $to");
  # Two names of one file: rename(2) leaves both.
  return if defined $mine{$to} && same($from, $to);
  $mine{$to} = delete $mine{$from};
}

sub same { my @a = lstat "$root/$_[0]"; my @b = lstat "$root/$_[1]"; @a && @b && $a[1] == $b[1] }

sub drop {
  my $path = pick() // return;
  unlink("$root/$path") or return wrong("unlink $path");
  delete $mine{$path};
}

sub add_link {
  my $from = pick() // return;
  my $to = place();
  link("$root/$from", "$root/$to") or return wrong("link $from $to");
  $mine{$to} = $mine{$from};
}

sub make_directory {
  my $path = place();
  mkdir("$root/$path") or return wrong("mkdir $path");
  $mine{$path} = '/';
}

sub drop_directory {
  my ($path) = grep { $mine{$_} eq '/' } sort keys %mine;
  return if !defined $path;
  rmdir("$root/$path") or return wrong("rmdir $path");
  delete $mine{$path};
}

# Takes a shared name. One process at most can take it.
sub claim {
  my $name = 'd' . int(rand $directories) . '/shared' . int(rand $shared);
  my $to = place();
  if (rename("$root/$name", "$root/$to")) { $mine{$to} = "shared $name"; push @claimed, $name }
  elsif ($! != ENOENT) { wrong("claim $name") }
}

sub check {
  my $path = pick() // return;
  open(my $file, '<', "$root/$path") or return wrong("open $path");
  my $content = do { local $/; <$file> };
  push @wrong, "$path holds $content and not $mine{$path}" if $content ne $mine{$path};
}

my @todo = (\&create, \&create, \&create, \&move, \&move, \&drop, \&add_link, \&make_directory, \&drop_directory, \&claim, \&check);
my $end = time + $seconds;
for (my $done = 0; $seconds > 0 ? time < $end : $done < $operations; $done++) {
  # Each process has a bounded number of names: the tree must change, not grow.
  (keys %mine > 60 ? \&drop : $todo[rand @todo])->();
}

open(my $out, '>', $report) or die "$report: $!";
print $out "$_\t$mine{$_}\n" for sort keys %mine;
print $out "=$_\n" for @claimed;
print $out "!$_\n" for @wrong;
close $out or die "$report: $!";
