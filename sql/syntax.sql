-- can this be an e-mail address?
SELECT left(a, 34) AS address, email_syntax_ok(a) AS internet, email_syntax_ok(a, 'smtp') AS smtp, email_syntax_ok(a, 'header') AS header
FROM (VALUES
	('ann@example.com'), ('a.b-c_d+tag@sub.example.co.uk'), ('"quoted local"@example.com'), ('"a@b"@example.com'),
	('!#$%&''*+-/=?^_`{|}~@example.com'), ('a@b.co'), ('a@xn--bcher-kva.example.com'),
	('x@localhost'), ('x@[192.0.2.1]'), ('x@[IPv6:2001:db8::1]'),
	(''), (' '), ('ann'), ('ann@'), ('@example.com'), ('ann@@example.com'), ('a@b@example.com'), ('ann@example.com;bob@example.com'), ('jörg@example.com, and bob@example.com'),
	('.ann@example.com'), ('ann.@example.com'), ('an..n@example.com'), ('an n@example.com'), ('ann @example.com'),
	(' ann@example.com'), ('ann@example.com '), (E'ann@example.com\n'), ('"ann@example.com'), ('ann"@example.com'),
	('ann@-example.com'), ('ann@example-.com'), ('ann@exa_mple.com'), ('ann@example..com'), ('ann@.example.com'),
	('ann@example.com.'), ('ann@example.123'), ('ann@example'), ('ann(comment)@example.com'), ('<ann@example.com>'),
	('x@[192.0.2.256]'), ('x@[300]'), (E'a\x01b@example.com'),
	(repeat('a', 64) || '@example.com'), (repeat('a', 65) || '@example.com'),
	('a@' || repeat('b', 63) || '.com'), ('a@' || repeat('b', 64) || '.com'),
	('a@' || repeat('bb.', 83) || 'com')) v (a);

SELECT email_syntax_ok(NULL), email_syntax_ok('a@b.co', NULL);
SELECT email_syntax_ok('a@b.co', 'nonsense');

-- why not: every fault has a name
SET email_verify.mode = sandbox;
SELECT left(a, 34) AS address, v.reason, v.detail
FROM (VALUES
	(''), ('ann'), ('ann@'), ('@example.com'), ('ann@@example.com'), ('Ann <ann@corp.com>, bob@corp.com'), ('.ann@example.com'), ('ann.@example.com'),
	('an..n@example.com'), ('an n@example.com'), (E'a\x01b@example.com'), ('"ann@example.com'), ('ann@-example.com'),
	('ann@example..com'), ('ann@example.123'), ('ann@example'), ('x@[192.0.2.1]'),
	(repeat('a', 65) || '@example.com'), ('a@' || repeat('b', 64) || '.com')) t (a), email_verdict(a) v;

-- the diagnosis, its place, and the parts
SELECT left(a, 30) AS address, s.ok, s.diagnosis, s.category, s.level, s.char_position AS ch, s.byte_position AS byte,
	s.local_part, s.domain
FROM (VALUES
	('ann@example.com'), ('Ann.B+c@Example.COM'), ('"a b"@example.com'), ('x@[192.0.2.1]'), ('root@localhost'),
	('(work) ann@example.com'), ('ann @ example.com'), ('"a".b@example.com'), ('ann@exa_mple.com'), ('ann@[no address]'),
	('ann'), ('ann@example..com'), ('jörg müller@example.com'), ('jörg@bücher.example'), ('ann@bü_cher.example'),
	('a..b@docomo.ne.jp'), (''), (E'ann@example.com\r\n'), ('ann(@example.com'), (repeat('a', 65) || '@example.com')) v (a),
	email_syntax(a) s;
SELECT left(a, 30) AS address, s.quoted, s.eai, s.idn, s.literal, s.comment, s.obsolete, s.carrier_legacy, s.special_use
FROM (VALUES
	('ann@example.com'), ('ann@corp.com'), ('"a b"@corp.com'), ('jörg@corp.com'), ('ann@bücher.de'), ('x@[192.0.2.1]'),
	('ann(c)@corp.com'), ('ann . b@corp.com'), ('a.@au.com'), ('ann')) v (a),
	email_syntax(a, 'header') s;
SELECT (email_syntax('ann(c)@corp.com', 'smtp')).diagnosis, (email_syntax('ann(c)@corp.com', 'header')).diagnosis IS NULL AS header;
SELECT email_syntax(NULL), email_syntax('a@b.co', NULL);
SELECT email_syntax('a@b.co', 'nonsense');

-- each diagnosis has a text that has it
SELECT v.level, to_json(left(v.a, 20)) AS address, s.diagnosis
FROM (VALUES ('internet', E'a\u200Bb@example.com'), ('internet', E'jo\u0308rg@example.com'), ('header', E'a\rb@example.com'), ('header', E'a\nb@example.com'),
	('header', E'a\r\nb@example.com'), ('internet', 'ann(bee)@example.com'), ('header', '(ann@example.com'), ('header', 'ann@[192.0.2.1'),
	('header', E'"ann\\'), ('internet', 'a@' || repeat('b23456789.', 26) || 'com'), ('internet', 'ann@.example.com'), ('internet', 'ann@xn--a-ecp.ru'),
	('internet', repeat('a', 60) || '@' || repeat('b23456789.', 20) || 'com'), ('internet', 'ann@exam_ple.com'), ('internet', 'ann@[300.0.2.1]')) v (level, a),
	LATERAL email_syntax(v.a, v.level) s;
