# 058_checker.pl
#	What SMTP cannot decide is decided by external checkers: nobody gets what another one has, nothing is lost when one dies, only
#	what is claimed is believed, and the reference checker brings each of the yahoo_api_… reasons from a real HTTPS service.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;

plan skip_all => 'no IO::Socket::SSL' unless eval { require IO::Socket::SSL; 1 };
my $w = skip_without_world();
my $c = EmailVerifyCluster->new('checker', conf => { 'log_statement' => 'none' });
my $dir = PostgreSQL::Test::Utils::tempdir();
my $script = "$ENV{EV_ROOT}/test/checker";

# --- a service, and users who may ask it ----------------------------------------------------------------------------------

sub certificate
{
	my ($name) = @_;
	system_log('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', "/CN=$name",
		'-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', "$dir/$name.key", '-out', "$dir/$name.pem") == 0
		or BAIL_OUT('openssl cannot make a certificate');
	return "$dir/$name.pem";
}
my $cert = certificate('service');
my $other = certificate('somebody');
my ($in, $port, $err) = ('', '', '');
my $service = IPC::Run::start([ "$script/https_stand_in", $cert, "$dir/service.key", "$dir/requests" ], '<', \$in, '>', \$port, '2>', \$err, IPC::Run::timeout(300));
$service->pump until $port =~ /\n/;
chomp $port;
my $url = "https://127.0.0.1:$port";

$c->sql(qq{CREATE ROLE $_ LOGIN; GRANT USAGE ON SCHEMA email_verify TO $_; GRANT EXECUTE ON FUNCTION email_verify.claim, email_verify.submit TO $_}) for qw(one two);
sub as { my ($user) = @_; return $c->node->connstr('postgres') . " user=$user" }
sub say_as
{
	my ($user, $sql) = @_;
	my ($out, $error) = ('', '');
	IPC::Run::run([ $c->node->installed_command('psql'), '-XAtq', '-d', as($user), '-c', $sql ], '>', \$out, '2>', \$error);
	chomp $out;
	return $error eq '' ? $out : $error;
}
sub checker
{
	my (@options) = @_;
	my ($out, $error) = ('', '');
	local $ENV{PATH} = $c->node->config_data('--bindir') . ":$ENV{PATH}";
	IPC::Run::run([ "$script/yahoo_checker", '--db', as('one'), '--url', "$url/check", '--ca', $cert, @options ], '>', \$out, '2>', \$error, IPC::Run::timeout(180));
	note $error if $error ne '';
	$c->poll('SELECT commands = 0 FROM email_verify.stat') or fail('results are stored');
	return $out =~ s/\n/ /gr;
}
sub requests { return -e "$dir/requests" ? slurp_file("$dir/requests") =~ s/\n/ /gr : '' }
sub waiting { return $c->sql("SELECT coalesce(string_agg(split_part(address, '\@', 1), ' ' ORDER BY address), '') FROM email_verify.external_check") }
sub reason { my ($address) = @_; return $c->row($address)->{reason} }

# --- what is set aside ------------------------------------------------------------------------------------------------------

$c->verify('before1@yahoo.com');
is(waiting(), '', 'without checkers nobody is set aside');
$c->sql("INSERT INTO email_verify.mx_policy (mx, checker) VALUES ('yahoodns.net', 'yahoo_api')");
my @asked = map { "${_}1\@yahoo.com" } qw(exists gone odd down eof cut nosuch);
my %got = $c->verify(@asked, 'ok1@ok.deliver.com', 'zz1@ok.deliver.com', 'ok1@catchall.deliver.com');
is($got{'exists1@yahoo.com'}{reason}, 'smtp_unverifiable', 'SMTP does not tell');
is($got{'nosuch1@yahoo.com'}{reason}, 'mailbox_not_found', '... but where it does');
is(waiting(), 'cut1 down1 eof1 exists1 gone1 odd1', '... and what it has not decided is set aside, there and nowhere else');
is($c->sql("SELECT finding || ' ' || evidence FROM email_explain('exists1\@yahoo.com') WHERE stage = 'external'"), 'waits for a checker yahoo_api', '... as the explanation says');

# --- the six reasons ----------------------------------------------------------------------------------------------------------

is(checker('--ca', $other), 'yahoo_api_unavailable ' x 6, 'a service with somebody else\'s certificate is none');
is(requests(), '', '... and is told no address');
is($c->sql("SELECT reply_text ~* 'certificate' FROM email_verify.address WHERE address = 'gone1\@yahoo.com'"), 't', '... the evidence says so');
is(checker(), '', 'what could not be had is not asked for at once again');
is($c->sql(q{SELECT count(*), max(due_at - now()) <= '5 min' FROM email_verify.external_check WHERE due_at > now()}), '6|t', '... but later');
$c->sql('UPDATE email_verify.external_check SET due_at = now()');
is(join(' ', sort split / /, checker()), 'yahoo_api_eof yahoo_api_eof yahoo_api_error yahoo_api_not_deliverable yahoo_api_unavailable yahoo_api_verified', 'the reference checker asks the service');
is(join(' ', sort split / (?=[0-9-])/, requests()) =~ s/ +/ /gr =~ s/ $//r,
	'-1 cut1@yahoo.com 0 eof1@yahoo.com 200 exists1@yahoo.com 200 gone1@yahoo.com 200 odd1@yahoo.com 503 down1@yahoo.com', '... about each address once');
my %word = map { $_ => reason("${_}1\@yahoo.com") } qw(exists gone odd down eof cut);
is_deeply(\%word, { exists => 'yahoo_api_verified', gone => 'yahoo_api_not_deliverable', odd => 'yahoo_api_error', down => 'yahoo_api_unavailable',
	eof => 'yahoo_api_eof', cut => 'yahoo_api_eof' }, '... and that is the verdict');
is(join(' ', $c->ask('exists1@yahoo.com', 'gone1@yahoo.com')), 'yahoo_api_verified yahoo_api_not_deliverable', '... for who asks');
is(waiting(), 'cut1 down1 eof1 odd1', '... those that another attempt may improve on wait for one');
is($c->sql("SELECT stage, rule, detail, reply_code, mx_host, reply_text FROM email_verify.address WHERE address = 'gone1\@yahoo.com'"),
	'external|checker:one|external_checker||mta5.am0.yahoodns.net|status 200, {"exists": false}', '... with its evidence');

$c->verify('downhere1@yahoo.com');
$c->sql("UPDATE email_verify.external_check SET due_at = now() WHERE address LIKE 'down%'");
is(join(' ', sort split / /, checker('--fallback', "$url/fallback")), 'yahoo_api_unavailable_after_fallback yahoo_api_verified', 'with a fallback');
is(reason('down1@yahoo.com'), 'yahoo_api_unavailable_after_fallback', '... that does not help, or');
is(reason('downhere1@yahoo.com'), 'yahoo_api_verified', '... does');

# --- what a checker was sure of outlives SMTP's doubt ---------------------------------------------------------------------------

$c->sql("SELECT email_verify.recheck('exists1\@yahoo.com'), email_verify.recheck('gone1\@yahoo.com')");
$c->wait;
is(reason('exists1@yahoo.com') . ' ' . reason('gone1@yahoo.com'), 'yahoo_api_verified yahoo_api_not_deliverable', 'verified anew, SMTP does not tell: the verdicts stay');
like(waiting(), qr/exists1 gone1/, '... and the checkers are asked anew');
is(checker(), 'yahoo_api_verified yahoo_api_not_deliverable ', '... who tell');

# --- who is never connected to can be checked all the same ---------------------------------------------------------------------

$c->sql("UPDATE email_verify.mx_policy SET probe = false");
my $sessions = $w->stats('yahoo')->{sessions};
%got = $c->verify('exists9@aol.com');
is($got{'exists9@aol.com'}{detail}, 'never_probe', 'a mail server that is never connected to');
is(checker(), 'yahoo_api_verified ', '... is left to the checkers');
is($w->stats('yahoo')->{sessions}, $sessions, '... and has seen nobody');
$c->sql("UPDATE email_verify.mx_policy SET probe = NULL");

# --- many checkers, dead checkers -----------------------------------------------------------------------------------------------

$c->sql('TRUNCATE email_verify.external_check');
my $many = q{INSERT INTO email_verify.external_check (address, class) SELECT 'm' || i || '@yahoo.com', 'yahoo_api' FROM generate_series(1, 400) i};
$c->sql($many);
my @runs = map { my $out = ''; { run => IPC::Run::start([ $c->node->installed_command('psql'), '-XAtq', '-d', as($_ % 2 ? 'one' : 'two') ],
	'<', \("SELECT email FROM email_verify.claim('yahoo_api', 10);\n" x 15), '>', \$out, IPC::Run::timeout(120)), out => \$out } } 1 .. 4;
my (%seen, $twice);
for my $run (@runs)
{
	$run->{run}->finish;
	$seen{$_}++ and $twice++ for split /\n/, ${ $run->{out} };
}
is(scalar(keys %seen), 400, 'four checkers at a time get every address');
is($twice // 0, 0, '... and none of them what another one has');

$c->sql('TRUNCATE email_verify.external_check');
$c->sql(q{INSERT INTO email_verify.external_check (address, class) SELECT 'l' || i || '@yahoo.com', 'yahoo_api' FROM generate_series(1, 5) i});
my $s = EmailVerifySession->new($c);
$s->run('SET SESSION AUTHORIZATION one; BEGIN');
is($s->run("SELECT count(*) FROM email_verify.claim('yahoo_api', 3)"), 3, 'a claim that is not committed');
is(say_as('two', "SELECT count(*) FROM email_verify.claim('yahoo_api')"), 2, '... keeps nobody waiting');
$c->sql(q{INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at, mx_host)
	SELECT address, 'unknown', 'smtp_unverifiable', now(), now() + interval '1 d', now() + interval '1 d', 'mta5.am0.yahoodns.net' FROM email_verify.external_check ON CONFLICT DO NOTHING});
is($c->sql(q{SET lock_timeout = '10 s'; SELECT count(*) FROM email_verify._set_aside(ARRAY['l1@yahoo.com', 'l2@yahoo.com', 'l3@yahoo.com', 'l4@yahoo.com', 'l5@yahoo.com'])}),
	1, '... not even the worker when it stores new results of these');
$s->run('ROLLBACK');
is(say_as('two', "SELECT count(*) FROM email_verify.claim('yahoo_api')"), 3, '... and one that is rolled back is none');
$s->end;

# a real address, whose verdict is at stake
$c->sql('TRUNCATE email_verify.external_check');
$c->verify('exists2@yahoo.com');
is(say_as('one', "SELECT email FROM email_verify.claim('yahoo_api', 1, '1 s')"), 'exists2@yahoo.com', 'a checker that dies with what it has claimed');
ok($c->poll('SELECT due_at < clock_timestamp() FROM email_verify.external_check'), '... for a second');
is(say_as('two', "SELECT email FROM email_verify.claim('yahoo_api')"), 'exists2@yahoo.com', '... loses nothing: another one gets it');
is(say_as('one', "SELECT email_verify.submit('exists2\@yahoo.com', 'yahoo_api_not_deliverable')"), 'f', '... the first one is too late');
is(say_as('two', "SELECT email_verify.submit('exists3\@yahoo.com', 'yahoo_api_verified')"), 'f', '... for others nothing can be submitted');
like(say_as('two', "SELECT email_verify.submit('exists2\@yahoo.com', 'mailbox_not_found')"), qr/ERROR:  reason "mailbox_not_found" is not one that a checker of class "yahoo_api" may give/, '... nor anything');
is(say_as('two', "SELECT email_verify.submit('exists2\@yahoo.com', 'yahoo_api_verified', 'asked by hand')"), 't', '... the second one is in time');
is(say_as('two', "SELECT email_verify.submit('exists2\@yahoo.com', 'yahoo_api_not_deliverable')"), 'f', '... once');
ok($c->poll("SELECT reason = 'yahoo_api_verified' FROM email_verify.address WHERE address = 'exists2\@yahoo.com'"), '... and that is the verdict');

# a result is not lost on its way to the worker
$c->verify('exists4@yahoo.com');
say_as('one', "SELECT email_verify.claim('yahoo_api')");
$c->sql('SELECT email_verify.pause()');
is(say_as('one', "SELECT email_verify.submit('exists4\@yahoo.com', 'yahoo_api_verified')"), 't', 'a result while the worker rests');
is(reason('exists4@yahoo.com'), 'smtp_unverifiable', '... waits');
$c->node->stop('immediate');
$c->node->start;
$c->wait_for_worker;
ok($c->poll("SELECT reason = 'yahoo_api_verified' FROM email_verify.address WHERE address = 'exists4\@yahoo.com'"), '... and outlives a crash');

# forgotten while it is claimed
$c->verify('exists5@yahoo.com');
say_as('one', "SELECT email_verify.claim('yahoo_api')");
$c->sql("SELECT email_verify.forget('exists5\@yahoo.com')");
is(say_as('one', "SELECT email_verify.submit('exists5\@yahoo.com', 'yahoo_api_verified')"), 'f', 'a claimed address that is forgotten');
is($c->row('exists5@yahoo.com'), undef, '... is not brought back');

# --- a class of the site's own ----------------------------------------------------------------------------------------------------

$c->sql(q{INSERT INTO email_verify.mx_policy (mx, checker) VALUES ('smtp.catchall.deliver.com', 'partner_crm'), ('catchall.deliver.com', 'partner_crm')});
$c->verify('ok7@catchall.deliver.com');
is($c->row('ok7@catchall.deliver.com')->{reason}, 'catch_all_deliverable', 'a mail server that takes everything');
is(say_as('one', "SELECT email FROM email_verify.claim('partner_crm')"), 'ok7@catchall.deliver.com', '... is left to checkers of another class');
is(say_as('one', q{SELECT email_verify.submit('ok7@catchall.deliver.com', 'smtp_deliverable', 'customer 7', '{"score": 0.9}')}), 't', '... one of which knows the mailbox');
ok($c->poll("SELECT reason = 'smtp_deliverable' AND stage = 'external' AND facts = '{\"score\": 0.9}' FROM email_verify.address WHERE address = 'ok7\@catchall.deliver.com'"),
	'... which is the verdict, with its facts');
$c->sql("SELECT email_verify.recheck('ok7\@catchall.deliver.com')");
$c->wait;
is($c->row('ok7@catchall.deliver.com')->{reason}, 'smtp_deliverable', '... and stays when the mail server is asked anew');

# --- least privilege ----------------------------------------------------------------------------------------------------------------

like(say_as('one', $_), qr/ERROR:  permission denied/, "a checker may not: $_") for 'SELECT * FROM email_verify.external_check', 'SELECT * FROM email_verify.address',
	"SELECT email_verify('a\@b.com')", "SELECT email_verify.enqueue('{a\@b.com}')", "INSERT INTO email_verify.command (kind) VALUES ('submit')",
	"SELECT email_verify._hand_over('submit', 'a\@yahoo.com', '{}')", 'SELECT email_verify._submit(NULL)', "SELECT email_verify.forget('a\@b.com')";

is($c->stat->{errors_total}, 0, 'no cycle has failed');
is($c->stat->{command_failures_total}, 0, '... and no command');

$in = '';
$service->kill_kill;
$c->finish(broken => 'external_check was emptied, and rows were due for it');
done_testing();
