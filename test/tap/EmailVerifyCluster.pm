# EmailVerifyCluster.pm
#
# A server that verifies addresses in the test world: a PostgreSQL::Test::Cluster with the extension, set up so
# that all it asks is on loopback.
#
#	my $c = EmailVerifyCluster->new('name', %options);		# made, started, CREATE EXTENSION, worker running
#		conf => { setting => value }	beside or instead of the defaults below; undef leaves one out
#		init => [...]					for PostgreSQL::Test::Cluster->init
#		extension => 0					no CREATE EXTENSION; start => 0: not started either
#	$c->world, $c->node					EmailVerifyWorld, PostgreSQL::Test::Cluster
#
#	$c->sql($sql [, $dbname])			output; dies on an error.  Bytes in, bytes out
#	$c->try($sql [, $dbname])			{ code, out, err }; an error is no reason to die
#	$c->rows($sql [, $dbname])			a list of hashes, one a row
#	$c->begin($sql [, $dbname])			a session that runs it (or a list of statements) meanwhile; its end() gives what
#										try() gives
#	$c->set(name => value, ...)			ALTER SYSTEM and reload, until new sessions see it; undef: RESET
#	$c->poll($sql [, $seconds [, $dbname]])		until it says t; true, or false after $seconds (30)
#
#	$c->ask(@addresses)					queue them in one statement; the reasons said, in the same order
#	$c->verdict($address [, $wait])		hash of email_verdict(); $wait an interval
#	$c->wait([$seconds])				email_verify.wait(): how many have no answer
#	$c->verify(@addresses)				ask, wait: hash of address => verdict; dies if some have no answer
#	$c->row($address)					hash of its row in email_verify.address, or undef
#	$c->queue($address)					hash of its row in email_verify.queue, or undef
#	$c->stat([$dbname])					hash of view email_verify.stat
#	$c->worker_pid([$dbname]), $c->launcher_pid		0 if there is none
#	$c->wait_for_worker([$dbname])		until it runs; its pid
#	$c->kill9							the postmaster; returns when all its children have ended
#	$c->forget							no verdict, no queue, nothing known; a new worker, which knows nothing either
#	$c->cost($pid)						what a process has used: (CPU ticks, voluntary context switches); () without /proc
#	$c->let_go							what ask() has queued so far is gone by intent: the tables were emptied, or forgot it
#	$c->peer_rcpts($recipient [, $listener])		log entries of the scripted peer about that recipient
#
# EV_PROBER in the environment is the place of the prober (inline, process) where a test does not choose one.
#
# A test skips itself without a world (skip_without_world()) and calls finish() last: behaviour of the world as it
# was, no cluster left, the server's log free of crashes; finish(crashes => N, kills => N) when
# the worker was ended by SIGSEGV or SIGKILL that often by intent.  If the server is up, what must hold of the
# tables (email_verify._invariants()) does so then, in each of its databases, of all that ask() has queued too;
# finish(broken => 'why') in a test that breaks them itself.
package EmailVerifyCluster;

use strict;
use warnings;

use Exporter qw(import);
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyWorld;

our @EXPORT_OK = qw(skip_without_world quoted);

# Time-outs that an honest host of the world never meets and a silent one meets soon; nothing is asked again within
# a test unless it says so.
my %conf = (
	'shared_preload_libraries' => 'email_verify',
	'email_verify.allow_private_networks' => 'loopback',
	'email_verify.dns_timeout' => '600ms',
	'email_verify.dns_tries' => '2',
	'email_verify.connect_timeout' => '3s',
	'email_verify.greeting_timeout' => '5s',
	'email_verify.ehlo_timeout' => '4s',
	'email_verify.mail_timeout' => '4s',
	'email_verify.rcpt_timeout' => '4s',
	'email_verify.session_timeout' => '20s',
	'email_verify.greylist_delays' => '1h',
	'email_verify.transient_delays' => '1h',
	'email_verify.connection_delays' => '1h',
	'email_verify.blocked_delays' => '1d',
	'email_verify.catch_all_delays' => '1h',
	'email_verify.put_back_delay' => '1s',
	'email_verify.max_wait' => '1min',
	'autovacuum_naptime' => '1h');

my $world;

sub skip_without_world
{
	plan skip_all => 'no test world (WORLD_ENV)' unless defined $ENV{WORLD_ENV} && -r $ENV{WORLD_ENV};
	$world = EmailVerifyWorld->new;
	$world->restore;
	return $world;
}

sub new
{
	my ($class, $name, %options) = @_;
	$world //= EmailVerifyWorld->new;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $self = bless { node => $node, world => $world }, $class;
	my %settings = (
		%conf,
		'email_verify.dns_servers' => $world->dns,
		'email_verify.smtp_port' => $world->smtp_port,
		'email_verify.helo_name' => $world->get('WORLD_HELO'),
		'email_verify.mail_from' => $world->get('WORLD_MAIL_FROM'),
		(map { length ? ('email_verify.prober' => $_) : () } $ENV{EV_PROBER} // ''),
		%{ $options{conf} // {} });

	$node->init(extra => [ '--encoding=UTF8', '--no-locale' ], @{ $options{init} // [] });
	for my $setting (sort keys %settings)
	{
		(my $value = $settings{$setting} // next) =~ s/'/''/g;
		$node->append_conf('postgresql.conf', "$setting = '$value'");
	}
	return $self if exists $options{start} && !$options{start};
	$node->start;
	if ($options{extension} // 1)
	{
		$self->sql('CREATE EXTENSION email_verify');
		$self->wait_for_worker;
	}
	return $self;
}

sub node { return $_[0]{node} }
sub world { return $_[0]{world} }

# --- SQL ------------------------------------------------------------------------------------------------

# A literal, whatever the text
sub quoted
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	$text =~ s/\\/\\\\/g;
	return "E'$text'";
}

sub sql
{
	my ($self, $sql, $dbname) = @_;
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
	return $self->node->safe_psql($dbname // 'postgres', $sql);
}

sub try
{
	my ($self, $sql, $dbname) = @_;
	my %result;
	$result{code} = eval { $self->node->psql($dbname // 'postgres', $sql, stdout => \$result{out}, stderr => \$result{err}) };
	return \%result if defined $result{code};

	# a client that the server would not have ends without reading what it is told
	die $@ if $@ !~ /Broken pipe/;
	return { code => 2, out => '', err => $@ };
}

sub rows
{
	my ($self, $sql, $dbname) = @_;
	return map { JSON::PP->new->decode($_) }
	  split /\n/, $self->sql("SELECT row_to_json(r) FROM ($sql) r", $dbname);
}

sub begin
{
	my ($self, $sql, $dbname) = @_;
	my $session = bless { out => '', err => '' }, 'EmailVerifyCluster::Session';
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
	$session->{run} = IPC::Run::start(
		[
			$self->node->installed_command('psql'), '-XAtq', '-d', $self->node->connstr($dbname // 'postgres'),
			'-v', 'ON_ERROR_STOP=1', map { ('-c', $_) } ref $sql ? @$sql : $sql
		],
		'<', \undef, '>', \$session->{out}, '2>', \$session->{err},
		IPC::Run::timeout(120));
	return $session;
}

sub EmailVerifyCluster::Session::end
{
	my ($session) = @_;
	$session->{run}->finish;
	chomp $session->{out};
	return { code => $session->{run}->result(0), out => $session->{out}, err => $session->{err} };
}

sub set
{
	my ($self, %settings) = @_;
	my @see;
	for my $name (sort keys %settings)
	{
		my $value = $settings{$name};
		$self->sql(defined $value ? "ALTER SYSTEM SET $name = " . quoted($value) : "ALTER SYSTEM RESET $name");
	}
	# a mark that tells when the reload has come through
	my $mark = 'm' . ++$self->{reloads};
	$self->node->append_conf('postgresql.conf', "test.mark = '$mark'");
	$self->sql('SELECT pg_reload_conf()');
	$self->poll("SELECT current_setting('test.mark', true) = '$mark'")
	  or die "the new settings did not come through\n";
	return;
}

sub poll
{
	my ($self, $sql, $seconds, $dbname) = @_;
	my $deadline = time + ($seconds // 30);
	while (1)
	{
		my $result = $self->try($sql, $dbname);
		return 1 if $result->{code} == 0 && $result->{out} eq 't';
		if (time > $deadline)
		{
			diag("gave up on: $sql\nlast answer: $result->{out} $result->{err}");
			return 0;
		}
		sleep 0.1;
	}
}

# --- verifying --------------------------------------------------------------------------------------------

sub _values { return join ', ', map { quoted($_) } @_ }

sub ask
{
	my ($self, @addresses) = @_;
	my @said = split /\n/,
	  $self->sql('SELECT email_verify(a) FROM unnest(ARRAY[' . _values(@addresses) . ']) WITH ORDINALITY u (a, n) ORDER BY n');
	$self->{queued}{ $addresses[$_] } = 1 for grep { ($said[$_] // '') eq 'pending' } 0 .. $#addresses;
	return @said;
}

sub verdict
{
	my ($self, $address, $wait, $dbname) = @_;
	$wait = defined $wait ? quoted($wait) : 'NULL';
	my ($verdict) = $self->rows('SELECT v.* FROM email_verdict(' . quoted($address) . ", wait => $wait) v", $dbname);
	return $verdict;
}

sub wait
{
	my ($self, $seconds, $dbname) = @_;
	return $self->sql("SELECT email_verify.wait('" . ($seconds // 30) . " s')", $dbname);
}

sub verify
{
	my ($self, @addresses) = @_;
	$self->ask(@addresses);
	my $left = $self->wait(45);
	die "$left of the addresses have no answer\n" if $left != 0;
	return map { $_->{asked} => $_ }
	  $self->rows('SELECT a AS asked, v.* FROM unnest(ARRAY[' . _values(@addresses) . ']) a, email_verdict(a) v');
}

sub row
{
	my ($self, $address, $dbname) = @_;
	my ($row) = $self->rows('SELECT * FROM email_verify.address WHERE address = ' . quoted($address), $dbname);
	return $row;
}

sub queue
{
	my ($self, $address, $dbname) = @_;
	my ($row) = $self->rows('SELECT * FROM email_verify.queue WHERE address = ' . quoted($address), $dbname);
	return $row;
}

sub stat
{
	my ($self, $dbname) = @_;
	my ($row) = $self->rows('SELECT * FROM email_verify.stat', $dbname);
	return $row;
}

sub worker_pid
{
	my ($self, $dbname) = @_;
	$dbname = quoted($dbname // 'postgres');
	return $self->sql("SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE backend_type = 'email_verify worker' AND datname = $dbname");
}

sub launcher_pid
{
	my ($self) = @_;
	return $self->sql("SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE backend_type = 'email_verify launcher'");
}

sub wait_for_worker
{
	my ($self, $dbname) = @_;
	$self->poll("SELECT worker = 'running' FROM email_verify.stat", 30, $dbname)
	  or die "there is no worker\n";
	return $self->worker_pid($dbname);
}

sub kill9
{
	my ($self) = @_;
	my $dir = $self->node->data_dir;
	my $pid = $self->node->{_pid};
	$self->node->kill9;
	$self->let_go; # what the worker had not yet taken out of shared memory is lost, and may be

	# they notice, and until then nobody else may start there
	my $deadline = time + 60;
	while (kill(0, $pid) || grep { (readlink("$_/cwd") // '') eq $dir } glob '/proc/[0-9]*')
	{
		die "processes of a killed server do not end\n" if time > $deadline;
		sleep 0.05;
	}
	return;
}

sub forget
{
	my ($self) = @_;
	$self->sql('DROP EXTENSION email_verify');
	$self->let_go;
	$self->sql('CREATE EXTENSION email_verify');
	$self->wait_for_worker;
	return;
}

sub let_go { $_[0]{queued} = {}; return }

sub cost
{
	my ($self, $pid) = @_;
	open my $fh, '<', "/proc/$pid/stat" or return;
	my ($fields) = <$fh> =~ /^.*\) (.*)/;
	my @fields = split ' ', $fields;
	open $fh, '<', "/proc/$pid/status" or return;
	my ($switches) = map { /^voluntary_ctxt_switches:\s*(\d+)/ ? $1 : () } <$fh>;
	return ($fields[11] + $fields[12], $switches);
}

sub peer_rcpts
{
	my ($self, $recipient, $listener) = @_;
	return grep { $_->{rcpt} eq $recipient && (!defined $listener || $_->{listener} eq $listener) } $self->world->rcpt_log;
}

# --- the end -------------------------------------------------------------------------------------------------

# What is only just being done gets its time to be done.
sub check_invariants
{
	my ($self) = @_;
	my $name = $self->node->name;
	my $databases = $self->try(q{SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit = -1});
	return if $databases->{code} != 0;
	for my $database (split /\n/, $databases->{out})
	{
		my $there = $self->try("SELECT count(*) FROM pg_proc WHERE oid = to_regprocedure('email_verify._invariants(text[])')", $database);
		next if $there->{code} != 0 || $there->{out} ne '1';
		my @queued = $database eq 'postgres' ? sort keys %{ $self->{queued} // {} } : ();
		my $sql = 'SELECT invariant, violation FROM email_verify._invariants(ARRAY[' . _values(@queued) . ']::text[]) LIMIT 20';
		my $deadline = time + 10;
		my $broken = $self->try($sql, $database);
		while (($broken->{code} != 0 || $broken->{out} ne '') && time < $deadline)
		{
			sleep 0.2;
			$broken = $self->try($sql, $database);
		}
		is($broken->{err} . $broken->{out}, '', "$name: what must hold of the tables in $database does");
	}
	return;
}

sub finish
{
	my ($self, %options) = @_;
	$self->check_invariants unless defined $options{broken};
	$self->node->stop('fast');
	my $log = slurp_file($self->node->logfile);
	for ([ 'crashes', 11 ], [ 'kills', 9 ])
	{
		my ($what, $signal) = @$_;
		next unless defined $options{$what};
		my $n = $log =~ s/^.* worker .*\) was terminated by signal $signal\b.*$//mg || 0;
		is($n, $options{$what}, $self->node->name . ": $n $what in the log");
	}
	my @bad = grep { /PANIC|TRAP:|was terminated by signal|leak|WARNING:  .*(?:snapshot|transaction)/ } split /\n/, $log;
	is(scalar(@bad), 0, $self->node->name . ': no crash and no leak in the log') or diag(join "\n", @bad[0 .. ($#bad > 9 ? 9 : $#bad)]);
	$self->world->restore;
	return;
}

1;
