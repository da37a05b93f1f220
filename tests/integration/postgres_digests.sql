-- Tables of every kind of key, each large enough for its digests to be asked for.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE target_of_names(a int);
CREATE FUNCTION filler(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$ SELECT repeat(md5(i::text), 3 + (i % 5)::int) $$;

CREATE TABLE k_int(id int PRIMARY KEY, v text, n numeric, d double precision, b bytea, at timestamptz,
	flag bool, e mood, c pair, refers regclass, j json, list int[]);
INSERT INTO k_int SELECT i, CASE i % 7 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'q"(u),o\\t e\n\t' ELSE filler(i) END,
	i / 7.0, CASE i % 5 WHEN 0 THEN '-0'::float8 WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE sqrt(i) END,
	decode(md5(i::text), 'hex'), timestamptz '2020-01-01Z' + i * interval '1 hour', i % 2 = 0,
	(ARRAY['sad', 'ok', 'happy']::mood[])[i % 3 + 1], ROW(i, 'x')::pair, 'target_of_names',
	('{"a": ' || i || ', "a":  "' || filler(i) || '"}')::json, ARRAY[i, NULL, i * 2]
	FROM generate_series(1, 6000) i;
CREATE TABLE k_big(id bigint PRIMARY KEY, v text);
INSERT INTO k_big SELECT i * 1000003::bigint - 3000000000, filler(i) FROM generate_series(1, 12000) i;
CREATE TABLE k_text(id text COLLATE "und-x-icu" PRIMARY KEY, v text);
INSERT INTO k_text SELECT (ARRAY['Ä', 'a', 'B', 'é', 'Z', '-', ' '])[i % 7 + 1] || md5(i::text), filler(i)
	FROM generate_series(1, 10000) i;
-- Names of chunks that are cut: they do not give the order of chunks.
CREATE TABLE k_long(id text PRIMARY KEY, v text);
INSERT INTO k_long SELECT repeat('https://example.com/', 6) || md5(i::text), filler(i)
	FROM generate_series(1, 8000) i;
CREATE TABLE k_uuid(id uuid PRIMARY KEY, v text);
INSERT INTO k_uuid SELECT md5(i::text)::uuid, filler(i) FROM generate_series(1, 10000) i;
CREATE TABLE k_pair(a int, b text, v text, PRIMARY KEY (b, a));
INSERT INTO k_pair SELECT i / 3, 'b' || i % 3, filler(i) FROM generate_series(1, 10000) i;
CREATE TABLE k_numeric(id numeric PRIMARY KEY, v text);
INSERT INTO k_numeric SELECT i * 1.01 - 5000, filler(i) FROM generate_series(1, 10000) i;
INSERT INTO k_numeric VALUES ('NaN', 'not a number');
CREATE TABLE k_bytea(id bytea PRIMARY KEY, v text);
INSERT INTO k_bytea SELECT decode(md5(i::text), 'hex'), filler(i) FROM generate_series(1, 10000) i;
CREATE TABLE k_date(id date, at timestamp, v text, UNIQUE (id, at));
ALTER TABLE k_date ALTER id SET NOT NULL, ALTER at SET NOT NULL;
INSERT INTO k_date SELECT date '0044-03-15 BC' + i * 11, timestamp '2000-01-01' + i * interval '1 s', filler(i)
	FROM generate_series(1, 10000) i;
CREATE TABLE k_none(a int, b double precision, v text);
INSERT INTO k_none SELECT i % 1500, CASE WHEN i % 4 < 2 THEN '-0'::float8 ELSE 0 END, filler(i % 1500)
	FROM generate_series(1, 12000) i;
CREATE TABLE k_gone(id int PRIMARY KEY, "rowback_0" text, rowback_1 text, drop_me int, made int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO k_gone SELECT i, filler(i), filler(i + 1), i FROM generate_series(1, 6000) i;
CREATE TABLE parts(id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (100000);
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (100000) TO (MAXVALUE);
INSERT INTO parts SELECT i, filler(i) FROM generate_series(1, 10000) i;
INSERT INTO parts SELECT 200000 + i, filler(i) FROM generate_series(1, 10000) i;
-- Values that lie in files.
CREATE TABLE files(id int PRIMARY KEY, v text);
INSERT INTO files SELECT i, CASE WHEN i % 2000 = 7 THEN repeat(md5(i::text), 20000) ELSE filler(i) END
	FROM generate_series(1, 8000) i;
-- Too small.
CREATE TABLE small(id int PRIMARY KEY, v text);
INSERT INTO small SELECT i, 'v' FROM generate_series(1, 100) i;
