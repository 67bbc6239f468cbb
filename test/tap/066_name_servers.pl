# 066_name_servers.pl
#	Answers of name servers that deserve no belief: those that are none, and those of a server that lies.  No address becomes invalid
#	by them, it is said why, and when the server tells the truth again all is right without a hand.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp ();
use Test::More;
use Time::HiRes qw(time sleep);

use lib dirname(__FILE__) . '/../world', dirname(__FILE__);

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifyNameServer qw(name pointer record mx soa denied);

skip_without_world();

use constant { A => 1, NS => 2, CNAME => 5, MX => 15, TXT => 16 };

# --- one that does not know, or cannot be read -----------------------------------------------------------------------------

my $self = pack 'n', 0xc000 | 12 + length(name('loop.net')) + 4;    # the first record's owner: itself
my %odd = (
	'referral.net' => sub { (flags => 0x8100, sections => [ [], [ record(name('net'), NS, name('ns.net')) ] ]) },
	'upwards.net' => sub { (flags => 0x8180, sections => [ [], [ record(name(''), NS, name('ns.net')) ] ]) },
	'neither.net' => sub { (flags => 0x8100, sections => [ [], [ soa('net') ] ]) },
	'glue.net' => sub { (flags => 0x8100, sections => [ [ record(pointer(), MX, mx('mx.net')) ] ]) },
	'other.net' => sub { (flags => 0x8180, sections => [ [ record(name('another.net'), MX, mx('mx.net')) ] ]) },
	'elsewhere.net' => sub { (flags => 0x8183, sections => [ [], [ soa('other.org') ] ]) },
	'cut.net' => sub { (flags => 0x8580, sections => [ [ record(pointer(), CNAME, name('b.net')), record(name('c.net'), MX, mx('mx.net')) ] ]) },
	'loop.net' => sub { (flags => 0x8180, sections => [ [ record($self, MX, mx('mx.net')) ] ]) },
	'cnames.net' => sub { (flags => 0x8180, sections => [ [ record(pointer(), CNAME, pointer()) ] ]) },
	'unproven.net' => sub { (flags => 0x8183, sections => [ [] ]) },
	'once.net' => sub { $_[1] == 1 ? (flags => 0x8183, sections => [ [] ]) : (flags => 0x8180, sections => [ [ record(pointer(), MX, mx('mx.net')) ] ]) },
	'noname.net' => sub { denied() },
	'empty.net' => sub { (flags => 0x8180, sections => [ [], [ record(name('net'), NS, name('ns.net')), soa('net') ] ]) },
	'direct.net' => sub { (flags => 0x8500, sections => [ [ record(pointer(), MX, mx('mx.net')) ] ]) });
my $odd = EmailVerifyNameServer->new(sub {
	my ($name, $type, $transmission) = @_;
	return $odd{$name}->($type, $transmission) if $odd{$name} && ($type == MX || $name ne 'cut.net');
	return (flags => 0x8180, sections => [ [], [ soa('net') ] ]) if $type == TXT;
	return ();
});
my $c = EmailVerifyCluster->new('lookups', conf => { 'email_verify.mode' => 'dns', 'email_verify.dns_servers' => $odd->address,
	'email_verify.dns_canaries' => '' });
my %said = map { $_->{asked} => "$_->{reason} $_->{detail}" } values %{ { $c->verify(map { "a\@$_" } sort keys %odd) } };
my @lame = qw(referral upwards neither glue other elsewhere);
is($said{"a\@$_.net"}, 'dns_lookup_error dns_lame', "$_: it does not know, and nothing is concluded") for @lame;
is($said{"a\@$_.net"}, 'dns_lookup_error dns_malformed', "$_: it cannot be read, and is not empty") for qw(loop cnames);
is($said{"a\@$_.net"}, 'bucket_default_skip_smtp_unknown mode_dns', "$_: an answer") for qw(direct once);
is($said{'a@cut.net'}, 'bucket_default_skip_smtp_unknown mode_dns', 'cut: an alias of what has no MX record, by the word of one that asks for us: its address');
is($said{'a@noname.net'}, 'no_mx_records nxdomain', 'noname: denied with proof');
is($odd->count('noname.net', MX), 1, '... asked for once');
is($said{'a@unproven.net'}, 'no_mx_records nxdomain', 'unproven: denied twice without proof');
is($odd->count('unproven.net', MX), 2, '... and no more often');
is($said{'a@empty.net'}, 'no_mx_records no_address', 'empty: NS and SOA records say that there is nothing');
sleep 1.1;
$c->verify(map { "b\@$_.net" } qw(unproven noname));
is($odd->count('unproven.net', MX), 4, 'what is denied without proof is not remembered');
is($odd->count('noname.net', MX), 1, '... what is denied with it is');
my ($server) = $c->rows('SELECT * FROM email_verify.stat_resolver');
is($server->{server}, $odd->address, 'stat_resolver has the server');
is($server->{trust}, 'off', '... which nobody tries');
cmp_ok($server->{faults}, '>=', 8, '... and what was no answer of it');
is($server->{queries}, $server->{answers} + $server->{faults} + $server->{timeouts} + $server->{servfails} + $server->{refusals}, '... each query ended in one way');
$c->finish;

# --- one that lies -----------------------------------------------------------------------------------------------------------

my $mode = File::Temp->new;
sub mode { open my $fh, '>', $mode->filename or die; print $fh $_[0]; return close $fh }

# whose names exist: everybody's, its own network's, nobody's, anybody's
my $liar = sub {
	my ($name, $type) = @_;
	open my $fh, '<', $mode->filename or die;
	my $how = <$fh>;
	my $exists = $how eq 'invent' || ($how ne 'deny' && $name =~ /\.good\.net$/) ||
	  ($how eq 'honest' && $name =~ /^(?:gmail|outlook|yahoo|icloud)\.com$/);
	return denied() if !$exists;
	return (flags => 0x8180, sections => [ [ record(pointer(), MX, mx('mx.good.net')) ] ]) if $type == MX;
	return (flags => 0x8180, sections => [ [ record(pointer(), A, "\x7f\0\0\1") ] ]) if $type == A;
	return (flags => 0x8180, sections => [ [], [ soa('') ] ]);
};
mode('deny');
my $ns = EmailVerifyNameServer->new($liar);
$c = EmailVerifyCluster->new('liar', conf => { 'email_verify.mode' => 'dns', 'email_verify.dns_servers' => $ns->address });
my $fine = 'bucket_default_skip_smtp_unknown mode_dns';

sub say_of
{
	my %verdicts = @_;
	return { map { $_ => "$verdicts{$_}{reason} " . ($verdicts{$_}{detail} // '') } keys %verdicts };
}

sub becomes
{
	my ($what, %expected) = @_;
	my $sql = join ' AND ', map { "(SELECT reason || ' ' || detail FROM email_verify.address WHERE address = '$_') = '$expected{$_}'" } sort keys %expected;
	return ok($c->poll("SELECT $sql", 15), $what);
}

my @first = qw(a@gmail.com a@mx.good.net a@nobody.net);
is_deeply(say_of($c->verify(@first)), { map { $_ => 'dns_lookup_error dns_untrusted' } @first }, 'a resolver that denies everything makes no address invalid');
is_deeply($c->stat->{gates}, [ 'dns_untrusted', 'mode_dns' ], '... stat says what holds back');
like($c->stat->{hint}, qr/email_verify\.dns_servers/, '... and what to do');
my ($gate) = $c->rows(q{SELECT gate, evidence, since <= now() AS since, next_trial > now() - interval '1 s' AS next FROM email_verify.stat_gate WHERE gate = 'dns_untrusted'});
like($gate->{evidence}, qr/^name server 127\.0\.0\.1:\d+ denies \w+\.com and others, which exists$/, '... by what evidence');
ok($gate->{since} && $gate->{next}, '... since when, and when it is tried again');
is($c->sql('SELECT trust FROM email_verify.stat_resolver'), 'bad', '... stat_resolver says so of the server');
like($c->sql(q{SELECT string_agg(concat_ws(' ', result, finding), ',') FROM email_verify.doctor() WHERE "check" = 'resolver'}),
	qr/^FAIL 127\.0\.0\.1:\d+ denies .* exists: \d+ of \d+ queries answered in [\d.]+ ms$/, '... and so does doctor');
is($c->sql("SELECT count(*) FROM email_verify.queue"), 3, '... they are asked for again');

# a list comes to its end
$c->set('email_verify.withheld_max_age' => '1s');
ok($c->poll("SELECT clock_timestamp() > since + interval '1 s' FROM email_verify.stat_gate WHERE gate = 'dns_untrusted'"), 'withheld for longer than may be');
is_deeply(say_of($c->verify('w@mx.good.net')), { 'w@mx.good.net' => 'internal_verifier_error dns_untrusted' }, '... the cause is ours, and named');
is($c->sql(q{SELECT count(*) FROM email_verify.queue WHERE address = 'w@mx.good.net'}), 1, '... it is asked for again');
$c->set('email_verify.withheld_max_age' => undef);

mode('honest');
becomes('it tells the truth again: all is right without a hand', 'a@gmail.com' => $fine, 'a@mx.good.net' => $fine, 'w@mx.good.net' => $fine, 'a@nobody.net' => 'no_mx_records nxdomain');
is_deeply($c->stat->{gates}, ['mode_dns'], '... nothing holds it back');
is($c->sql("SELECT string_agg(kind || ' ' || state, ',') FROM email_verify.command"), 'recheck_since done', '... by one command');

# in the middle of its life: some are believed before it is noticed
mode('deny');
my $n = 0;
until ($c->sql("SELECT 'dns_untrusted' = ANY (gates) FROM email_verify.stat") eq 't' || $n >= 200)
{
	$c->verify(map { 'a@n' . $n++ . '.good.net' } 1 .. 5);
	sleep 0.5;
}
cmp_ok($n, '<', 200, "far more denials than usual are noticed ($n addresses)");
is_deeply(say_of($c->verify('b@mx.good.net')), { 'b@mx.good.net' => 'dns_lookup_error dns_untrusted' }, '... and then nothing is believed');
is($c->row('a@gmail.com')->{reason}, 'bucket_default_skip_smtp_unknown', '... what was stored before stays');
mode('honest');
ok($c->poll("SELECT count(*) = $n AND bool_and(reason = 'bucket_default_skip_smtp_unknown') FROM email_verify.address WHERE address LIKE 'a\@n%.good.net'"),
	'... when it is over, all of the time before it was noticed are asked for anew');
ok($c->poll("SELECT gates = '{mode_dns}' FROM email_verify.stat"), '... nothing holds back');

# positive lies, at the start of a worker
mode('invent');
$c->sql('SELECT pg_terminate_backend(' . $c->worker_pid . ')');
$c->wait_for_worker;
is_deeply(say_of($c->verify('a@invented.net')), { 'a@invented.net' => 'dns_lookup_error dns_untrusted' }, 'a resolver that has an answer for everything is not believed');
like($c->sql("SELECT evidence FROM email_verify.stat_gate WHERE gate = 'dns_untrusted'"), qr/has an answer for x\w+\.(?:invalid|com), which does not exist$/, '... and why');

# beside an honest one it does no harm
my $honest = EmailVerifyNameServer->new(sub {
	my ($name, $type) = @_;
	return denied() if $name !~ /\.good\.net$|^(?:gmail|outlook|yahoo|icloud)\.com$/;
	return (flags => 0x8180, sections => [ [ record(pointer(), MX, mx('mx.good.net')) ] ]) if $type == MX;
	return (flags => 0x8180, sections => [ [ record(pointer(), A, "\x7f\0\0\1") ] ]) if $type == A;
	return (flags => 0x8180, sections => [ [], [ soa('') ] ]);
});
$c->set('email_verify.dns_servers' => join ',', $ns->address, $honest->address);
ok($c->poll("SELECT gates = '{mode_dns}' AND (SELECT string_agg(trust, ' ' ORDER BY trust) FROM email_verify.stat_resolver) = 'bad good' FROM email_verify.stat"), 'of two servers the honest one is believed') or diag(explain [ $c->rows('SELECT * FROM email_verify.stat_resolver') ]);
becomes('... what was withheld is settled', 'a@invented.net' => 'no_mx_records nxdomain');
is_deeply(say_of($c->verify(map { "a\@two$_.net" } 1 .. 6)), { map { ("a\@two$_.net" => 'no_mx_records nxdomain') } 1 .. 6 }, '... and the other is not asked');

# a network of its own, which knows no provider
mode('private');
$c->set('email_verify.dns_servers' => $ns->address);
$c->forget;
$c->verify('a@mx.good.net', 'a@gone.net');
becomes('a network of its own is believed when it has answered for somebody', 'a@mx.good.net' => $fine, 'a@gone.net' => 'no_mx_records nxdomain');
ok($c->poll("SELECT gates = '{mode_dns}' FROM email_verify.stat"), '... nothing holds back');

# the site's own names, and none
$c->set('email_verify.dns_canaries' => 'nowhere.example, gone.example');
$c->forget;
is_deeply(say_of($c->verify('c@gone.net')), { 'c@gone.net' => 'dns_lookup_error dns_untrusted' }, 'names of the site that do not exist');
$c->set('email_verify.dns_canaries' => 'mx.good.net');
becomes('... one that does', 'c@gone.net' => 'no_mx_records nxdomain');
$c->set('email_verify.dns_canaries' => '');
mode('deny');
is_deeply(say_of($c->verify('d@mx.good.net')), { 'd@mx.good.net' => 'no_mx_records nxdomain' }, 'without names nobody is tried, by choice');
is($c->try("ALTER SYSTEM SET email_verify.dns_canaries = '$_'")->{code}, 3, "a setting that cannot be used is refused: $_") for 'nodot', 'a b.com,', '[127.0.0.1]';

# --- undone by hand ------------------------------------------------------------------------------------------------------------

is($c->sql("SELECT email_verify.recheck_since(now(), now() - interval '1 s')"), '', 'recheck_since: an empty time');
my ($fresh) = $c->sql("SELECT count(*) FROM email_verify.address");
mode('honest');
my $id = $c->sql("SELECT email_verify.recheck_since('-infinity', reasons => '{no_mx_records}')");
ok($c->poll("SELECT state = 'done' AND looked_at = $fresh AND changed = 2 FROM email_verify.command WHERE id = $id"), '... of a reason: a walk') or diag(explain [ $c->rows('SELECT * FROM email_verify.command') ]);
becomes('... and they are asked for', 'd@mx.good.net' => $fine, 'c@gone.net' => 'no_mx_records nxdomain');
is($c->try("SET ROLE pg_monitor; SELECT email_verify.recheck_since(now() - interval '1 s')")->{code}, 3, '... not by everybody');
$c->finish;

done_testing();
