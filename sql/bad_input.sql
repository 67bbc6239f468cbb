-- whatever comes in, a verdict or a clear error comes out
SET email_verify.mode = sandbox;
SELECT email_verify(repeat('a', 1000000)) AS megabyte, email_verify(repeat('a@', 500000)) AS many_ats,
	email_verify(repeat('.', 1000000) || '@example.com') AS dots, email_verify('a@' || repeat('b.', 500000) || 'com') AS labels;
SELECT email_verify('"' || repeat('\"', 500000) || '"@example.com') AS quoted_pairs;
SELECT c AS code, v.reason, v.detail FROM generate_series(1, 32) c, email_verdict('a' || chr(c) || 'b@example.com') v
WHERE v.reason <> 'invalid_syntax';
SELECT count(*) AS every_control_character FROM generate_series(1, 31) c
WHERE email_verify('ann@exam' || chr(c) || 'ple.com') = 'invalid_syntax';
SELECT email_verify(E'ann@example.com\\000'), email_verify('ann@example.com%00');
SELECT email_verify(chr(1)), email_verify(chr(65533) || '@example.com') IS NOT NULL AS replacement_character;
SELECT email_verify('ann@example.com', wait => '-1 h');
SELECT email_verify('ann@example.com', max_age => '-1 h');
SELECT email_verify('ann@example.com', wait => '178000000 years');
SET client_min_messages = warning; -- the notice depends on how the server was set up
SELECT email_verify.wait(NULL);
SELECT email_verify.wait('-1 day');
RESET client_min_messages;

-- two, one and no characters of each kind where something is expected
SELECT email_verify(x) AS verdict, count(*)
FROM (SELECT l || '@' || d FROM unnest(ARRAY['', '.', '"', '\', '@', '[', 'a']) l, unnest(ARRAY['', '.', '-', '[', ']', '@', 'a.bc']) d) t (x)
GROUP BY 1 ORDER BY 1;
