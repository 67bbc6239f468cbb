# 060_opt_out.pl
#	A domain that publishes "probe=none" in a TXT record of _email-verify and its name is not probed: nobody connects to its mail
#	servers, whatever the site says of them.  Who does not say so is probed as ever, and so is who cannot be asked.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('opt_out', conf => { 'log_statement' => 'none', 'email_verify.mode' => 'dns' });

sub verdict_is
{
	my ($address, $reason, $detail, $what) = @_;
	my %got = $c->verify($address);
	is("$got{$address}{reason} " . ($got{$address}{detail} // ''), "$reason " . ($detail // ''), $what);
	return;
}

sub wish
{
	my ($domain) = @_;
	return $c->sql("SELECT coalesce(opt_out::text, 'unasked') FROM email_verify.domain WHERE domain = '$domain.deliver.com'");
}

# DNS queries so far; the number is taken over when they have ended, so it is waited for
sub lookups { return $c->stat->{lookups_total} }

# --- those who would not have connected anyway do not ask ----------------------------------------------------------------

my $before = lookups();
verdict_is('ok1@optout.deliver.com', 'bucket_default_skip_smtp_unknown', 'mode_dns', 'mode dns');
is(wish('optout'), 'unasked', '... asks nobody for his wishes');
ok($c->poll("SELECT lookups_total = $before + 3 FROM email_verify.stat", 10), '... only for its MX and that one\'s addresses');
$c->set('email_verify.mode' => 'smtp');

# --- the wish ---------------------------------------------------------------------------------------------------------------

$w->reset;
verdict_is('ok1@optout.deliver.com', 'bucket_default_skip_smtp_unknown', 'opt_out', 'a domain that asks not to be probed');
is(wish('optout'), 'true', '... it is known of the domain');
my $row = $c->row('ok1@optout.deliver.com');
is("$row->{status} $row->{stage} $row->{rule} $row->{mx_host} $row->{probes}", 'unknown dns dns.opt_out mx.ok.deliver.com 0', '... the evidence says why');
is($c->queue('ok1@optout.deliver.com'), undef, '... it is not asked for again by itself');
$before = lookups();
verdict_is("$_\@optout.deliver.com", 'bucket_default_skip_smtp_unknown', 'opt_out', "... $_ as well") for qw(ok2 zz9);
is($c->sql("SELECT queued FROM email_verify._enqueue('{ok1\@optout.deliver.com}', '{-infinity}', '{infinity}', 0::smallint, true)"), 'f', '... the verdict is good until it is old');
$c->sql("SELECT email_verify.recheck('ok1\@optout.deliver.com')");
is($c->wait, 0, 'asked for anew');
is($c->row('ok1@optout.deliver.com')->{detail}, 'opt_out', '... nothing has changed');
is(lookups(), $before, '... and nobody was asked again what the domain wants');

my %explained = map { $_->{stage} => $_->{finding} } $c->rows("SELECT stage, finding FROM email_explain('ok1\@optout.deliver.com') WHERE step IN (4, 7)");
is($explained{dns}, 'takes mail, asks not to be probed', 'email_explain tells');
is($explained{verdict}, 'unknown bucket_default_skip_smtp_unknown opt_out', '... and what follows');

verdict_is("ok1\@$_.deliver.com", 'bucket_default_skip_smtp_unknown', 'opt_out', $_) for qw(optoutmany optoutalias optoutaonly);
verdict_is('ok1@optoutparked.deliver.com', 'possible_spam_trap', 'parked_mx', 'what is known without asking is said');
is(wish('optoutparked'), 'true', '... and the wish is heard');

$c->sql("INSERT INTO email_verify.mx_policy (mx, probe) VALUES ('deliver.com', true)");
verdict_is('ok3@optout.deliver.com', 'bucket_default_skip_smtp_unknown', 'opt_out', 'a site cannot wish it away');
$c->sql('DELETE FROM email_verify.mx_policy');
$c->sql("INSERT INTO email_verify.override VALUES ('ok1\@optout.deliver.com', 'valid')");
is(($c->ask('ok1@optout.deliver.com'))[0], 'smtp_deliverable', '... but may know the address itself');
$c->sql('DELETE FROM email_verify.override');

is($w->stats->{sessions}, 0, 'not one connection was made');

# --- a good verdict is not lost by it -------------------------------------------------------------------------------------------

$c->sql(q{UPDATE email_verify.address SET status = 'valid', reason = 'smtp_deliverable', detail = NULL, expires_at = now() + interval '50 d'
	WHERE address = 'ok2@optout.deliver.com'; SELECT email_verify.recheck('ok2@optout.deliver.com')});
is($c->wait, 0, 'an address that was deliverable before the domain opted out');
is($c->row('ok2@optout.deliver.com')->{reason}, 'smtp_deliverable', '... stays so until that is old');

# --- others ----------------------------------------------------------------------------------------------------------------------

for my $domain (qw(optoutnot optoutwild below.optout optoutservfail optouttimeout ok))
{
	verdict_is("ok1\@$domain.deliver.com", 'smtp_deliverable', undef, "$domain is probed");
	is(wish($domain), 'false', '... its wish was asked for');
}
is($w->stats('ok')->{sessions}, 6, '... by a session each');

my $long = join '.', ('a' x 60) x 3, ('b' x 53), 'deliver.com';
verdict_is("ok1\@$long", 'no_mx_records', 'nxdomain', 'a domain too long for a name before it');

# --- email_probe ------------------------------------------------------------------------------------------------------------------

$w->reset;
my ($out, $err) = run_command([ "$ENV{EV_BUILD}/email_probe", '--json', '--allow-loopback', '--dns', $w->dns, '--port', $w->smtp_port,
	'--helo', $w->get('WORLD_HELO'), '--from', $w->get('WORLD_MAIL_FROM'), 'ok1@optout.deliver.com' ]);
like($out, qr/"detail":"opt_out"/, 'email_probe heeds it') or diag($err);
like($out, qr/"opt_out":true/, '... and tells');
is($w->stats->{sessions}, 0, '... without a connection');

is($c->stat->{errors_total}, 0, 'no cycle has failed');

$c->finish;
done_testing();
