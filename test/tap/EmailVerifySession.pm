# EmailVerifySession.pm
#
# A psql session that stays open, for tests in which one session does something while another one is in the middle of
# a transaction, a wait or a lock.
#
#	my $s = EmailVerifySession->new($cluster [, $dbname])		# an EmailVerifyCluster or a PostgreSQL::Test::Cluster
#	$s->run($sql)		run it, wait for its end; what it printed.  Each statement is a message of its own.
#	$s->err				what run() or result() found on standard error: errors and notices
#	$s->send($sql)		begin with it; result() waits for its end and returns what run() would
#	$s->pid				of its backend
#	$s->sleeps			true as soon as its backend waits inside this extension; false after 30 s
#	$s->end				close it
#
# Nothing is tried for longer than two minutes.
package EmailVerifySession;

use strict;
use warnings;

use IPC::Run ();
use Time::HiRes qw(sleep time);

my $marks = 0;

sub new
{
	my ($class, $cluster, $dbname) = @_;
	my $node = $cluster->can('node') ? $cluster->node : $cluster;
	my $self = bless { node => $node, dbname => $dbname // 'postgres', in => '', out => '', err => '', said => '' }, $class;
	$self->{run} = IPC::Run::start(
		[ $node->installed_command('psql'), '-XAtq', '-d', $node->connstr($self->{dbname}) ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err},
		IPC::Run::timeout(120));
	$self->{pid} = $self->run('SELECT pg_backend_pid()');
	return $self;
}

sub send
{
	my ($self, $sql) = @_;
	my $mark = 'end-of-result-' . ++$marks;
	$self->{mark} = $mark;
	$self->{in} .= "$sql\n;\n\\echo $mark\n\\warn $mark\n";
	$self->{run}->pump_nb;
	return;
}

sub result
{
	my ($self) = @_;
	my $mark = $self->{mark};
	# a session that was terminated has no end of result
	$self->{run}->pump
	  while $self->{run}->pumpable && !($self->{out} =~ /^\Q$mark\E\n/m && $self->{err} =~ /^\Q$mark\E\n/m);
	my $out = $self->{out};
	$self->{said} = $self->{err};
	$self->{out} = $self->{err} = '';
	s/^\Q$mark\E\n//m for $out, $self->{said};
	$out =~ s/\n$//;
	return $out;
}

sub run
{
	my ($self, $sql) = @_;
	$self->send($sql);
	return $self->result;
}

sub err { return $_[0]{said} }
sub pid { return $_[0]{pid} }

sub sleeps
{
	my ($self) = @_;
	my $deadline = time + 30;
	while (time < $deadline)
	{
		my $event = $self->{node}->safe_psql('postgres',
			"SELECT coalesce(max(wait_event_type), '') FROM pg_stat_activity WHERE pid = $self->{pid}");
		return 1 if $event eq 'Extension';
		sleep 0.05;
	}
	return 0;
}

sub end
{
	my ($self) = @_;
	$self->{in} .= "\\q\n" if $self->{run}->pumpable;
	eval { $self->{run}->finish };
	return;
}

1;
