# 044_confined.pl
#	What a prober's process cannot do once it has given up its rights, each as the attempt of somebody who has taken it over: files, other
#	programs, other ports by each way that the kernel knows, signals, and what would take back what was given up.  And that it can
#	still do its work.

use strict;
use warnings;

use File::Basename qw(dirname);
use Fcntl;
use File::Temp ();
use POSIX ();
use PostgreSQL::Test::Utils;
use Socket;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'a confined process cannot write a report' if $ENV{EV_SANITIZE};
my $root = $ENV{EV_ROOT} // dirname(__FILE__) . '/../..';
my $build = $ENV{EV_BUILD} // "$root/build";
my $dir = File::Temp->newdir;
my @libraries = ("$build/libev_net.a", "$build/libev_engine.a", '-Wl,--as-needed', qw(-luv -lcares -lssl -lcrypto -lidn2 -lunistring));
is(system($ENV{CC} // 'cc', qw(-std=c11 -D_GNU_SOURCE -O1 -g -Wall), "-I$root/src", '-o', "$dir/confined", dirname(__FILE__) . '/044_confined.c', @libraries),
	0, 'the attempts are compiled')
	or BAIL_OUT('they cannot be linked');

sub each_is { my ($error, @attempts) = @_; return map { $_ => $error } @attempts }

my %expected = (
	files => { read => 'EACCES', write => 'EACCES', exec => 'EACCES' },
	ports => { database => 'EACCES', smtp => 'ECONNREFUSED', dns => 'ECONNREFUSED' },
	scope => { signal => 'EPERM' },
	syscalls => {
		inet => 'ok', does_its_work => 'ok', abort => 'signal 6',
		each_is('ENOENT', qw(read write stat)),
		each_is('EACCES', qw(code)),
		# connections that no connect() makes
		each_is('EOPNOTSUPP', qw(fast_sendto fast_wide)),
		each_is('ENOPROTOOPT', qw(fast_connect fast_option kernel_protocol kernel_filter same_port multicast learn_option)),
		# sockets that Landlock does not look at
		each_is('EAFNOSUPPORT', qw(unix mptcp mptcp_v6 sctp udplite ping_socket raw seqpacket packet netlink vsock smc kernel_crypto)),
		# signals that no kill() sends
		each_is('EINVAL', qw(owner owner_ex which_signal async_flag lease copy_descriptor)),
		each_is('ENOTTY', qw(async_ioctl owner_ioctl group_ioctl interfaces)),
		each_is('EPERM', qw(limit_of_parent)),
		each_is('ENOSYS', qw(fast_sendmsg fast_sendmmsg hand_over timer signal_by_descriptor dumpable outlive_parent clone_by_structure io_uring)),
		each_is('signal 31', qw(listen fork exec signal shm signal_thread)) },
	limits => { limit => 'EPERM', much => 'ENOMEM', some => 'ok' },
	privileges => {},
	namespaces => {});

my %attempts = map { $_ => 1 } map { keys %$_ } values %expected;

# attempt NAME => what became of it
sub became
{
	my ($what) = @_;
	my ($had, @lines) = split /\n/, `timeout 60 '$dir/confined' $what 2>&1`;
	my %became = map { /^(\w+): (.*)/ ? ($1 => $2) : () } @lines;
	note("$what: $had");
	is(join(' ', sort keys %became), join(' ', sort keys %attempts), "$what: each attempt has come to an end") or diag(join "\n", $had, @lines);
	return (\%became, $had =~ /^had: (.*)/ ? split /, /, $1 : ());
}

# without any of it: the attempts are real ones
my ($free) = became('none');
is($free->{$_}, 'ok', "none: $_") for qw(does_its_work fork signal owner owner_ex which_signal async_flag async_ioctl owner_ioctl group_ioctl
	interfaces copy_descriptor udplite unix netlink same_port limit_of_parent dumpable outlive_parent fast_option);
is($free->{$_}, 'ECONNREFUSED', "none: $_ gets as far as the database's port") for qw(database fast_sendto fast_wide fast_sendmsg fast_sendmmsg);

for my $what (qw(landlock syscalls all))
{
	my ($became, @had) = became($what);
	my %want = map { %{ $expected{$_} } } @had;    # the filter of system calls, which is last, is asked first
	for my $attempt (sort keys %want)
	{
		is($became->{$attempt}, $want{$attempt}, "$what: $attempt");
	}
}

# --- from its start ---------------------------------------------------------------------------------------------------------

# one that has not been told anything yet
my $program = "$build/email_verify_prober";
socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!\n";
my $pid = fork // die "fork: $!\n";
if ($pid == 0)
{
	my $fd = fileno $theirs;
	POSIX::dup2($fd, 3) if $fd != 3;
	fcntl $theirs, F_SETFD, 0;
	exec $program or die "$program: $!\n";
}
close $theirs;
my $core = '';
for (1 .. 100)
{
	($core) = slurp_file("/proc/$pid/limits") =~ /^Max core file size +(\d+ +\d+) /m;
	last if $core =~ /^0 +0$/;
	sleep 0.05;
}
like($core, qr/^0 +0$/, 'from its start the program leaves no core');
SKIP:
{
	skip 'as root there is no telling', 1 if $> == 0;
	# what is not to be looked into is root's
	is((stat "/proc/$pid/status")[4], 0, '... and is not to be looked into');
}
close $ours;
waitpid $pid, 0;
is($?, 0, '... and ends when the other end is closed');
done_testing();
