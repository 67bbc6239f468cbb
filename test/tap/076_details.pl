# 076_details.pl
#	Details that only an unusual run has: each of them is said of a real conversation, or of a question that cannot be answered.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('details', conf => {
	'email_verify.prober' => 'process',
	'email_verify.session_timeout' => '3s',
	'email_verify.rcpt_timeout' => '30s',
	'email_verify.max_put_backs' => 0,
	'email_verify.dns_canaries' => '' });

sub said
{
	my ($address, $expected, $what) = @_;
	my %got = $c->verify($address);
	return is($got{$address}{reason} . ' ' . ($got{$address}{detail} // ''), $expected, $what);
}

said('ok1@hangrcpt.deliver.com', 'smtp_timeout session_timeout', 'a session that takes too long as a whole');

$w->ctl('set ok2 reply_banner="421 4.7.0 Too many connections from your host, try again later"');
said('ok1@ok2.deliver.com', 'smtp_rate_limited too_many_connections', 'a host that has enough of our connections');
$w->restore;

said('ok1@hotmail.com', 'smtp_unverifiable microsoft_consumer', 'a consumer mailbox of Microsoft, whose 250 means nothing');

# a mail server that refuses everybody in the same words
$w->ctl(q{rule notls * 550 5.7.1 We do not accept mail from you});
my %all = $c->verify(map { "ok$_\@notls.deliver.com" } 1 .. 3);
like(join(' ', map { "$_->{reason}/" . ($_->{detail} // '') } values %all), qr{smtp_blocked/}, 'a host that refuses everybody');
$w->restore;

# the route of a domain that waits for a session is older than the setting
$c->set('email_verify.max_sessions' => 1, 'email_verify.session_timeout' => '20s', 'email_verify.rcpt_timeout' => '4s');
$c->sql(q{SELECT email_verify.enqueue('{ok2@hangrcpt.deliver.com}')});
ok($c->poll('SELECT sessions = 1 FROM email_verify.stat'), 'the only session is taken');
my $lookups = $c->stat->{lookups_total};
$c->sql(q{SELECT email_verify.enqueue('{ok3@plain.deliver.com}')});
# MX, its address, opt-out, SPF: at least
ok($c->poll("SELECT inflight = 2 AND lookups_total >= $lookups + 3 FROM email_verify.stat"), 'another domain is looked up, and waits');
$c->set('email_verify.allow_private_networks' => 'off');
is($c->wait(30), 0, 'both have an answer');
is($c->sql(q{SELECT reason || ' ' || detail FROM email_verify.address WHERE address = 'ok3@plain.deliver.com'}), 'host_not_found mx_unroutable',
	'an address that may no longer be connected to is not');
$c->set('email_verify.allow_private_networks' => undef, 'email_verify.max_sessions' => undef);

# made-up recipients are known of one host of the domain, and another one answers, where nobody made up is asked for
$c->sql(q{INSERT INTO email_verify.mx_policy (mx, catch_all_test) VALUES ('mx.ok.deliver.com', false)});
$c->sql(q{INSERT INTO email_verify.domain (domain, implicit_mx, checked_at, expires_at) VALUES ('firstgreet421.deliver.com', false, now(), now());
	INSERT INTO email_verify.domain_host (domain, host, catch_all, catch_all_at) VALUES ('firstgreet421.deliver.com', 'mx.greet421.deliver.com', false, now())});
said('ok1@firstgreet421.deliver.com', 'catch_all_inconclusive catch_all_other_host', 'what is known of one host is not known of another');
$c->sql('DELETE FROM email_verify.mx_policy');

# what is known of made-up recipients is too old when the slow session ends, though it was not when it began
my $age = $c->sql('SHOW email_verify.catch_all_max_age');
$c->sql(qq{INSERT INTO email_verify.domain (domain, implicit_mx, checked_at, expires_at) VALUES ('slow.deliver.com', false, now(), now());
	INSERT INTO email_verify.domain_host (domain, host, catch_all, catch_all_at) VALUES ('slow.deliver.com', 'mx.slow.deliver.com', false, now() - interval '$age' + interval '1 s')});
said('ok1@slow.deliver.com', 'catch_all_inconclusive catch_all_not_asked', 'nobody made up was asked for, since the answer was known, and is no longer');

# a table that decides whom to ask is locked
my $s = EmailVerifySession->new($c);
$s->run('BEGIN; LOCK TABLE email_verify.override');
is($c->sql(q{SET lock_timeout = '100ms'; SELECT (v).reason || ' ' || (v).detail FROM email_verdict('ok6@plain.deliver.com') v}), 'internal_verifier_error override_locked',
	'a question while the overrides are locked');
$s->run('ROLLBACK');
$s->end;

# no descriptor is left for a socket
said('ok4@plain.deliver.com', 'smtp_deliverable ', 'a host that is known');
my $prober = $c->sql('SELECT prober_pid FROM email_verify.stat');
SKIP:
{
	skip 'prlimit cannot be had', 1 if system("prlimit --pid $prober --nofile=3:3 2>/dev/null") != 0;
	said('ok5@plain.deliver.com', 'internal_verifier_error socket_unavailable', 'a prober without a free descriptor');
}

$c->finish;
done_testing();
