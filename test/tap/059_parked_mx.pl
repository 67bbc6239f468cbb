# 059_parked_mx.pl
#	Nobody connects to mail servers of parked names, nor to any of a domain that names one of a spam trap; what is said of their
#	addresses instead, in every mode that asks DNS; and the site's own word, which goes before what is built in.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('parked_mx', conf => { 'log_statement' => 'none' });

sub policy { return $c->sql("INSERT INTO email_verify.mx_policy ($_[0]) VALUES ($_[1])") }

sub verdict_is
{
	my ($address, $reason, $detail, $what) = @_;
	my %got = $c->verify($address);
	is("$got{$address}{reason} " . ($got{$address}{detail} // ''), "$reason " . ($detail // ''), $what);
	return;
}

# connections to the hosts where nobody shall ever be
sub visits { return join ' ', map { $w->stats($_)->{sessions} } qw(parking snare) }

# a verdict is kept for weeks; here the next question shall be asked
sub forget_verdicts { return $c->sql('TRUNCATE email_verify.address') }

# --- parking -----------------------------------------------------------------------------------------------------------

verdict_is('ann@acme-parked.com', 'possible_spam_trap', 'parked_mx', 'a domain whose only mail server is parking');
my $row = $c->row('ann@acme-parked.com');
is("$row->{status} $row->{stage} $row->{rule} $row->{mx_host} $row->{probes}", 'risky dns mx.parked mail.h-email.net 0', '... the evidence says why');
is($row->{retry_at}, undef, '... and nobody asks again by himself');
verdict_is('info@acme-parked2.com', 'possible_spam_trap', 'parked_mx', 'two of them, of different services');
is($c->row('info@acme-parked2.com')->{status}, 'risky', '... and the verdict that is kept is not one about roles');
is($c->verdict('info@acme-parked2.com')->{status}, 'role', '... but that a role is one is said');
verdict_is('ann@h-email.net', 'possible_spam_trap', 'parked_mx', 'the service\'s own name, which has no MX');
verdict_is('ann@parkednx.deliver.com', 'possible_spam_trap', 'parked_mx', 'parking behind a host that does not exist');
verdict_is('ok1@acme-notparked.com', 'smtp_deliverable', undef, 'half a label is no suffix');
is(visits(), '0 0', 'not one connection was made');

my %explained = map { $_->{stage} => "$_->{finding} | $_->{evidence}" } $c->rows("SELECT stage, finding, evidence FROM email_explain('ann\@acme-parked.com') WHERE step > 4 OR stage = 'dns'");
is($explained{dns}, 'rule mx.parked | mail.h-email.net', 'email_explain names host and rule');
like($explained{verdict}, qr/^risky possible_spam_trap parked_mx \| /, '... and the verdict');

# --- among others --------------------------------------------------------------------------------------------------------

$w->reset;
verdict_is('ok1@parkedmixed.deliver.com', 'smtp_deliverable', undef, 'parking beside an ordinary host: the ordinary one is asked');
verdict_is('ok1@parkedlast.deliver.com', 'smtp_deliverable', undef, 'parking behind it');
verdict_is('ok1@parkedlastdead.deliver.com', 'smtp_connection_failed', 'connection_refused', 'parking behind a dead host is no way out');
verdict_is('ok1@parkedfirst.deliver.com', 'bucket_default_skip_smtp_unknown', 'parked_mx', 'an ordinary host behind parking is no way round');
is($w->stats('ok')->{sessions}, 2, 'the ordinary host was visited for the first two alone');
is(visits(), '0 0', '... and the others by nobody');

# --- traps ---------------------------------------------------------------------------------------------------------------

verdict_is('ok1@traplast.deliver.com', 'smtp_deliverable', undef, 'nobody knows a trap by itself');
policy('mx, trap', "'snare.deliver.com', true");
forget_verdicts();
$w->reset;
verdict_is('ok1@traplast.deliver.com', 'possible_spam_trap', 'trap_mx', 'one of a domain\'s hosts is a trap\'s');
$row = $c->row('ok1@traplast.deliver.com');
is("$row->{stage} $row->{rule} $row->{mx_host}", 'dns mx_policy.trap mx.snare.deliver.com', '... the evidence says which');
verdict_is('ok1@trapnoaddr.deliver.com', 'possible_spam_trap', 'trap_mx', '... although it has no address');
verdict_is('x@mx.snare.deliver.com', 'possible_spam_trap', 'trap_mx', '... and is a domain without MX');
is($w->stats->{sessions}, 0, 'not one connection was made, to any host');
$c->sql('UPDATE email_verify.mx_policy SET trap = false');
forget_verdicts();
verdict_is('ok1@traplast.deliver.com', 'smtp_deliverable', undef, 'taken back, the other host is asked');
$c->sql('TRUNCATE email_verify.mx_policy');
$c->sql('TRUNCATE email_verify.address');

# --- the site's own word ---------------------------------------------------------------------------------------------------

$w->reset;
policy('mx, probe', "'h-email.net', false");
verdict_is('ann@acme-parked.com', 'possible_spam_trap', 'parked_mx', 'forbidden on top: what is known is said all the same');
is(visits(), '0 0', '... and nobody goes there');
$c->sql('UPDATE email_verify.mx_policy SET probe = true');
verdict_is('ann2@acme-parked.com', 'smtp_unverifiable', 'untrusted_accept', 'a site that wants it has its parking hosts asked');
is(visits(), '1 0', '... which costs a connection');
$c->sql('UPDATE email_verify.mx_policy SET probe = NULL, trap = false, trust_accept = true');
verdict_is('ann3@acme-parked.com', 'catch_all_deliverable', undef, '... also by saying that they are no traps');
$c->sql('UPDATE email_verify.mx_policy SET trap = true');
$w->reset;
verdict_is('ok1@parkedlast.deliver.com', 'possible_spam_trap', 'trap_mx', 'what is parking may be called a trap');
is($w->stats->{sessions}, 0, '... and then its neighbours are let be');
$c->sql('DELETE FROM email_verify.mx_policy');

$c->sql("INSERT INTO email_verify.override (pattern, action) VALUES ('\@acme-parked.com', 'valid')");
is(($c->ask('ann@acme-parked.com'))[0], 'smtp_deliverable', 'a word on the domain goes before all of that');
$c->sql('DELETE FROM email_verify.override');

# --- without probing -----------------------------------------------------------------------------------------------------------

forget_verdicts();
$c->set('email_verify.mode' => 'dns');
verdict_is('ann@acme-parked.com', 'possible_spam_trap', 'parked_mx', 'mode dns: it is known from DNS');
verdict_is('ok1@parkedfirst.deliver.com', 'bucket_default_skip_smtp_unknown', 'mode_dns', '... and what is not, is not');
$c->set('email_verify.mode' => undef, 'email_verify.helo_name' => '');
verdict_is('ann@acme-parked2.com', 'possible_spam_trap', 'parked_mx', 'without a name of one\'s own, too');
is($w->stats->{sessions}, 0, 'not one connection was made');

is($c->stat->{errors_total}, 0, 'no cycle has failed');

$c->finish(broken => 'the verdicts were taken away, and not the rows about another look');
done_testing();
