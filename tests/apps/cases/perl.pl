# add: /usr/bin/perl /usr/share/perl /usr/lib/x86_64-linux-gnu/perl /usr/lib/x86_64-linux-gnu/perl-base /bin/sh
use strict; use warnings; use POSIX qw(floor); use List::Util qw(sum max);
print sum(1..100), " ", max(3,9,2), " ", floor(3.7), "\n";
my %h; $h{$_}++ for split //, "hello"; print join(",", map {"$_=$h{$_}"} sort keys %h), "\n";
my $pid = fork(); if (!$pid) { exit 6 } waitpid($pid, 0); print $? >> 8, "\n";
print `echo from shell`; open(my $p, "|-", "cat") or die; print $p "piped\n"; close $p;
local $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select(undef, undef, undef, 3); (my $s = "abc") =~ tr/a-c/A-C/; print "$s\n";
exit 4;
