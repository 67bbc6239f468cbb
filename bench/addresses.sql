-- addresses.sql
--	Addresses as a customer table has them, the same in every run: bench_address(i) is one for each number.
--	Two in five at a few big providers, the rest at 200,000 companies.

CREATE FUNCTION bench_pick(list text[], i bigint, salt bigint) RETURNS text
LANGUAGE SQL IMMUTABLE PARALLEL SAFE
RETURN list[1 + (hashint8extended(i, salt) & 2147483647) % cardinality(list)];

CREATE FUNCTION bench_address(i bigint) RETURNS text
LANGUAGE SQL IMMUTABLE PARALLEL SAFE
RETURN bench_pick('{anna,ben,chloe,david,emma,farid,greta,hugo,ines,jan,katharina,lars,maria,nils,olga,paul,quentin,rosa,
		sven,tanja,ulrich,vera,walter,xenia,yusuf,zoe,j,m,a,christopher}', i, 1)
	|| bench_pick('{.,.,_,-,"",+}', i, 2)
	|| bench_pick('{meier,smith,garcia,rossi,novak,kowalska,martin,dubois,nguyen,larsen,haddad,oconnor,silva,van.dijk,
		schwarzenberger,li,kim,brown,jones,taylor,lopez,weber,richter,fontaine}', i, 3)
	|| i::text || '@'
	|| CASE WHEN (hashint8extended(i, 4) & 65535) % 5 < 2
		THEN bench_pick('{gmail.com,yahoo.com,hotmail.com,outlook.com,icloud.com,gmx.de,web.de,orange.fr}', i, 5)
		ELSE bench_pick('{blue,north,alpha,city,first,green,inter,nova,prime,solid,tele,urban}', i, 6)
			|| bench_pick('{works,bank,logistics,media,systems,foods,trade,health,design,partners}', i, 7)
			|| ((hashint8extended(i, 8) & 2147483647) % 300)::text
			|| bench_pick('{.com,.com,.de,.co.uk,.net,.fr,.org}', i, 9)
		END;
