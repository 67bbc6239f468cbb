# EmailVerifyWorld.pm
#
# Access to a running test world (see README.md) for the TAP tests, and for `world` itself.
#
#	use EmailVerifyWorld;
#	my $w = EmailVerifyWorld->new;		# $ENV{WORLD_ENV} = path of world.env; dies with a hint
#	$w->dns, $w->dns_auth				# "127.0.0.1:PORT" of unbound and of NSD
#	$w->smtp_port, $w->has_postfix, $w->has_postgrey, $w->has_ipv6, $w->get('WORLD_...')
#	$w->ctl('set catchall latency_ms=50')	# lines of the answer; dies on ERR
#	$w->stats('corp*')->{cmd_rcpt}		# counters of the matching listeners, or of all
#	$w->reset, $w->restore				# counters to zero; behaviour as in peer.conf too
#	$w->rcpt_log(10)					# hashes: ms session listener client tls ehlo mail rcpt reply
#
# Functions: dns_query($server, $name, $type), tcp_ok($host, $port, $want), wait_for($seconds, \@checks,
# \@pids).  Core modules only.
package EmailVerifyWorld;

use strict;
use warnings;
use IO::Select;
use IO::Socket::IP;
use Time::HiRes qw(sleep time);

our %TYPE = (A => 1, NS => 2, CNAME => 5, SOA => 6, PTR => 12, MX => 15, TXT => 16, AAAA => 28);
our @RCODE = qw(NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED);

sub new
{
	my ($class, $path) = @_;
	$path //= $ENV{WORLD_ENV};
	die "no test world: run `test/world/world start` and set WORLD_ENV to the world.env it names\n"
	  unless defined $path && length $path;
	open my $fh, '<', $path
	  or die "test world: cannot read $path ($!); is it still running? (WORLD_ENV)\n";
	my %env;
	while (<$fh>)
	{
		$env{$1} = $2 if /^(WORLD_\w+)=(.*)$/;
	}
	close $fh;
	my $self = bless { env => \%env }, $class;
	die "test world of $path does not answer; `world status --dir $env{WORLD_DIR}` says more\n"
	  unless tcp_ok('127.0.0.1', $env{WORLD_CTL_PORT}, undef);
	return $self;
}

sub get { return $_[0]{env}{ $_[1] } }
sub dir { return $_[0]->get('WORLD_DIR') }
sub dns { return $_[0]->get('WORLD_DNS') }
sub dns_auth { return $_[0]->get('WORLD_DNS_AUTH') }
sub smtp_port { return $_[0]->get('WORLD_SMTP_PORT') }
sub ctl_port { return $_[0]->get('WORLD_CTL_PORT') }
sub has_postfix { return $_[0]->get('WORLD_HAS_POSTFIX') ? 1 : 0 }
sub has_postgrey { return $_[0]->get('WORLD_HAS_POSTGREY') ? 1 : 0 }
sub has_tls { return $_[0]->get('WORLD_HAS_TLS') ? 1 : 0 }
sub has_ipv6 { return $_[0]->get('WORLD_HAS_IPV6') ? 1 : 0 }

# One control command; a connection each, so that no state is left behind by a test that dies.
sub ctl
{
	my ($self, $command) = @_;
	my $sock = IO::Socket::IP->new(
		PeerHost => '127.0.0.1',
		PeerPort => $self->ctl_port,
		Timeout => 5) or die "test world: no control port: $@\n";
	print $sock "$command\n";
	my @lines;
	while (my $line = <$sock>)
	{
		chomp $line;
		return @lines if $line eq 'OK';
		die "test world: $command: $1\n" if $line =~ /^ERR (.*)/;
		push @lines, $line;
	}
	die "test world: control connection ended in the middle of: $command\n";
}

sub stats
{
	my ($self, $listener) = @_;
	my %stats = map { split /=/, $_, 2 } $self->ctl(defined $listener ? "stats $listener" : 'stats');
	return \%stats;
}

sub reset { my ($self) = @_; $self->ctl('reset'); return }
sub restore { my ($self) = @_; $self->ctl('restore'); return }

sub rcpt_log
{
	my ($self, $n) = @_;
	my @log;
	for my $line ($self->ctl('log' . (defined $n ? " $n" : '')))
	{
		my %entry;
		@entry{qw(ms session listener client tls ehlo mail rcpt reply)} = split /\t/, $line, -1;
		push @log, \%entry;
	}
	return @log;
}

sub _name
{
	my ($packet, $pos) = @_;
	my ($name, $end, $hops) = ('', undef, 0);
	while ($hops++ < 128)
	{
		my $len = unpack "x$pos C", $packet;
		if ($len >= 192)
		{
			$end //= $pos + 2;
			$pos = unpack("x$pos n", $packet) & 0x3fff;
			next;
		}
		if ($len == 0)
		{
			return ($name eq '' ? '.' : $name, $end // $pos + 1);
		}
		$name .= substr($packet, $pos + 1, $len) . '.';
		$pos += $len + 1;
	}
	die "bad DNS name\n";
}

sub _parse
{
	my ($packet) = @_;
	my (undef, $flags, $qd, $an) = unpack 'n4', $packet;
	my %answer = (rcode => $RCODE[ $flags & 15 ] // $flags & 15, tc => ($flags >> 9) & 1);
	my $pos = 12;
	my @rr;
	for (1 .. $qd)
	{
		(undef, $pos) = _name($packet, $pos);
		$pos += 4;
	}
	for (1 .. $an)
	{
		my ($owner, $next) = _name($packet, $pos);
		my ($type, undef, undef, $len) = unpack "x$next n n N n", $packet;
		my $at = $next + 10;
		my $data = substr $packet, $at, $len;
		push @rr,
			$type == 1 ? join('.', unpack 'C4', $data)
		  : $type == 28 ? join(':', map { sprintf '%x', $_ } unpack 'n8', $data)
		  : $type == 15 ? unpack('n', $data) . ' ' . (_name($packet, $at + 2))[0]
		  : $type == 16 ? join('', unpack '(C/a)*', $data)
		  : $type == 5 || $type == 12 || $type == 2 ? (_name($packet, $at))[0]
		  : unpack 'H*', $data;
		$pos = $at + $len;
	}
	$answer{answers} = \@rr;
	return \%answer;
}

# One query without EDNS, over UDP and, if the answer was cut, TCP.  Returns { rcode, tc, answers },
# rcode TIMEOUT if nobody answers within $timeout (default 2) seconds.
sub dns_query
{
	my ($server, $name, $type, $timeout) = @_;
	my ($host, $port) = split /:/, $server;
	my $query = pack('n6', int(rand 65536), 0x0100, 1, 0, 0, 0)
	  . pack('(C/a*)*', split /\./, $name) . pack('C n n', 0, $TYPE{ uc $type }, 1);
	my $timed_out = { rcode => 'TIMEOUT', tc => 0, answers => [] };
	my $udp = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Proto => 'udp')
	  or return $timed_out;
	$udp->send($query);
	return $timed_out unless IO::Select->new($udp)->can_read($timeout // 2);
	my $packet;
	return $timed_out unless defined $udp->recv($packet, 65535) && length $packet > 12;
	my $answer = _parse($packet);
	return $answer unless $answer->{tc};
	my $tcp = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 2)
	  or return $answer;
	print $tcp pack('n/a*', $query);
	$tcp->flush;
	local $SIG{ALRM} = sub { die "DNS over TCP timed out\n" };
	alarm 5;
	read $tcp, my $len, 2;
	read $tcp, $packet, unpack 'n', $len;
	alarm 0;
	return { %{ _parse($packet) }, tc => 1 };
}

# Can one connect, and does the first line match $want (if given)?
sub tcp_ok
{
	my ($host, $port, $want) = @_;
	my $sock = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 2) or return 0;
	return 1 unless defined $want;
	return 0 unless IO::Select->new($sock)->can_read(3);
	my $line = <$sock> // '';
	print $sock "QUIT\r\n";
	my $bye = <$sock>;
	return $line =~ $want ? 1 : 0;
}

# Wait until all checks hold.  A check is "dns:HOST:PORT", "smtp:HOST:PORT" or "tcp:HOST:PORT".
# Returns '' or what is still missing; gives up at once when one of the processes has ended.
sub wait_for
{
	my ($seconds, $checks, $pids) = @_;
	my $deadline = time + $seconds;
	my @left = @$checks;
	while (1)
	{
		my @still;
		for my $check (@left)
		{
			my ($kind, $host, $port) = split /:/, $check;
			my $ok =
				$kind eq 'dns'
			  ? dns_query("$host:$port", 'ok.deliver.com', 'MX', 0.5)->{rcode} eq 'NOERROR'
			  : tcp_ok($host, $port, $kind eq 'smtp' ? qr/^220/ : undef);
			push @still, $check unless $ok;
		}
		@left = @still;
		return '' unless @left;
		my @dead = grep { !-d "/proc/$_" } @$pids;
		return "@left (process @dead has ended)" if @dead;
		return "@left" if time > $deadline;
		sleep 0.03;
	}
}

1;
