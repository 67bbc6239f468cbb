# EmailVerifyNameServer.pm
#
# A name server that misbehaves in time, for what NSD and unbound of test/world do not do.
#
#	my $ns = EmailVerifyNameServer->new(sub { my ($name, $type, $transmission) = @_; return (after => 1.2) });
#	$ns->address				# "127.0.0.1:PORT", UDP only; new(sub { ... }, '::1') listens there
#	$ns->count($name, $type)	# how many transmissions asked for that
#
# The function is called in the server's process for each transmission, $transmission counting from 1 those of the same
# question.  It returns what to change about the answer: after => seconds to wait with it, rcode => 5, ttl => 60,
# silent => 1, records => [data, ...] for other records of the type that is asked for (in wire format; [] for none), or the whole
# of it: flags => 0x8180, sections => [[...], [...]], the records of the answer and of the authority section, as
# record($owner, $type, $data), soa($zone), mx($host), pointer() (the name asked for) and name($name) make them.  denied() is
# the answer of a server that says with an SOA record that there is no such name.  The usual answer is at once, with a TTL of
# an hour: every name has an MX, itself, at 127.0.0.1, and
# nothing else.  The server ends with the object.
package EmailVerifyNameServer;

use strict;
use warnings;
use Exporter qw(import);
use File::Temp ();
use IO::Handle;
use IO::Select;
use IO::Socket::IP;
use POSIX ();
use Time::HiRes qw(time);

our @EXPORT_OK = qw(name pointer record mx soa denied);

use constant { A => 1, MX => 15 };

sub new
{
	my ($class, $behaviour, $at) = @_;
	my $socket = IO::Socket::IP->new(Proto => 'udp', LocalHost => $at // '127.0.0.1', LocalPort => 0) or die "UDP socket: $!";
	my $log = File::Temp->new;
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		$log->autoflush(1);
		eval { serve($socket, $log, $behaviour // sub { }) };
		POSIX::_exit(1);
	}
	return bless { pid => $pid, owner => $$, at => $at // '127.0.0.1', port => $socket->sockport, log => $log }, $class;
}

# what records consist of
sub name { return join('', map { pack 'C/a*', $_ } split /\./, $_[0]) . "\0" }
sub pointer { return pack 'n', 0xc00c }
sub record { my ($owner, $type, $data) = @_; return $owner . pack('n n N n/a*', $type, 1, 3600, $data) }
sub mx { return pack('n', 10) . name($_[0]) }
sub soa { return record(name($_[0]), 6, name('ns.test') . name('root.test') . pack('N5', 1, 3600, 600, 86400, 300)) }
sub denied { return (flags => 0x8183, sections => [ [], [ soa('') ] ]) }

sub DESTROY
{
	my $self = shift;
	local ($?, $!);
	if ($self->{owner} == $$ && kill 'KILL', $self->{pid})
	{
		waitpid $self->{pid}, 0;
	}
	return;
}

sub address
{
	my ($self) = @_;
	return ($self->{at} =~ /:/ ? "[$self->{at}]" : $self->{at}) . ":$self->{port}";
}

sub count
{
	my ($self, $name, $type) = @_;
	open my $fh, '<', $self->{log}->filename or die "log: $!";
	my $question = "$name $type\n";
	return scalar grep { $_ eq $question } <$fh>;
}

sub serve
{
	my ($socket, $log, $behaviour) = @_;
	my (%times, @later);
	my $select = IO::Select->new($socket);
	while (1)
	{
		@later = sort { $a->[0] <=> $b->[0] } @later;
		if (@later && $later[0][0] <= time)
		{
			my (undef, $reply, $peer) = @{ shift @later };
			send $socket, $reply, 0, $peer;
			next;
		}
		next unless $select->can_read(@later ? $later[0][0] - time : undef);
		my $peer = recv($socket, my $query, 4096, 0) // next;
		my ($name, $type, $end) = question($query) or next;
		print $log "$name $type\n";
		my %how = $behaviour->($name, $type, ++$times{"$name $type"});
		push @later, [ time + ($how{after} // 0), answer($query, $type, $end, %how), $peer ] unless $how{silent};
	}
	return;
}

# what is asked for, and the offset behind it
sub question
{
	my $query = shift;
	my ($at, @labels) = (12);
	while (my $length = unpack 'C', substr $query, $at, 1)
	{
		push @labels, lc substr $query, $at + 1, $length;
		$at += 1 + $length;
	}
	return (join('.', @labels), unpack('n', substr $query, $at + 1, 2), $at + 5);
}

sub answer
{
	my ($query, $type, $end, %how) = @_;
	if ($how{sections})
	{
		my ($answers, $authority) = @{ $how{sections} };
		return substr($query, 0, 2) . pack('n5', $how{flags}, 1, scalar @$answers, scalar @{ $authority // [] }, 0) .
		  substr($query, 12, $end - 12) . join '', @$answers, @{ $authority // [] };
	}
	my $data = $type == MX ? pack 'n n', 10, 0xc00c : $type == A ? pack 'C4', 127, 0, 0, 1 : undef;
	my @data = $how{rcode} ? () : $how{records} ? @{ $how{records} } : defined $data ? $data : ();
	my $reply = substr($query, 0, 2) . pack('n5', 0x8180 | ($how{rcode} // 0), 1, scalar @data, 0, 0) . substr $query, 12, $end - 12;
	$reply .= pack('n n n N n/a*', 0xc00c, $type, 1, $how{ttl} // 3600, $_) for @data;
	return $reply;
}

1;
