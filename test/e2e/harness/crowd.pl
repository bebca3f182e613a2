# One of many processes that work in one tree at the same time. It keeps account of what must be there because of it.
#   crowd.pl ROOT ME OPERATIONS SECONDS REPORT
# Ends after SECONDS, or, when that is 0, after OPERATIONS. REPORT gets a line `PATH<tab>CONTENT` for each name it leaves behind
# (a directory's content is `/`), `=NAME` for each name of everybody's that it took, and `!WHAT` for whatever failed that must not fail.
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
  # Now and then a name that was there before, perhaps of another kind.
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

# What is everybody's goes to one of us, or stays.
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
  # A bounded number of names each: the tree is to change, not to grow.
  (keys %mine > 60 ? \&drop : $todo[rand @todo])->();
}

open(my $out, '>', $report) or die "$report: $!";
print $out "$_\t$mine{$_}\n" for sort keys %mine;
print $out "=$_\n" for @claimed;
print $out "!$_\n" for @wrong;
close $out or die "$report: $!";
