-- A shop with most of what a database may have, and hard to put back: keys in a cycle,
-- triggers that must not fire, columns that only the server may fill.
CREATE SCHEMA "Shop 2";
CREATE EXTENSION hstore;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE pair AS (a integer, b text);
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $body$
--
-- Name: fake; Type: TABLE; Schema: public; Owner: nobody
--
BEGIN INSERT INTO public.log VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $body$;
CREATE TABLE log(what text);
CREATE TABLE people(
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL DEFAULT 'x;''y',
	boss integer REFERENCES people(id) ON DELETE CASCADE,
	team integer,
	shout text GENERATED ALWAYS AS (upper(name)) STORED,
	feels mood);
CREATE TABLE teams(
	id serial PRIMARY KEY,
	leader integer NOT NULL REFERENCES people(id) ON DELETE CASCADE,
	size positive,
	extra pair,
	UNIQUE (leader));
ALTER TABLE people ADD FOREIGN KEY (team) REFERENCES teams(id);
CREATE TABLE events(at timestamptz, kind text, note json, PRIMARY KEY (at, kind)) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01Z') TO ('2025-01-01Z');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE TABLE "Shop 2"."we ""ird
table"("select" bigint PRIMARY KEY, "é" text, h hstore);
CREATE TABLE loose(a integer, j json, p point, n numeric);
CREATE TABLE empty();
CREATE TABLE child(more text) INHERITS (log);
CREATE TABLE numbers(id integer PRIMARY KEY, n numeric, f real, d double precision, b bytea, c char(5),
	r int4range, t timestamp, i interval, x xml, jb jsonb, a integer[], u uuid, bits bit(3), m money);
CREATE SEQUENCE "Shop 2"."Q" AS smallint INCREMENT BY -3 START WITH -5 MINVALUE -300 CYCLE;
CREATE VIEW leaders AS SELECT p.id, p.name, count(*) FROM people p JOIN teams t ON t.leader = p.id GROUP BY p.id;
CREATE MATERIALIZED VIEW sizes AS SELECT leader, size FROM teams;
CREATE MATERIALIZED VIEW "Shop 2"."no Rows" AS SELECT 1 AS one WITH NO DATA;
CREATE UNIQUE INDEX sizes_by_leader ON sizes(leader);
CREATE INDEX people_by_name ON people(lower(name)) WHERE boss IS NULL;
CREATE STATISTICS people_stats ON name, boss FROM people;
CREATE RULE no_delete AS ON DELETE TO loose DO INSTEAD NOTHING;

INSERT INTO people(name, feels) SELECT 'person ' || i, (ARRAY['sad', 'ok', 'happy']::mood[])[1 + i % 3] FROM generate_series(1, 500) i;
INSERT INTO people(name) VALUES (''), ('\N'), (E'\\.'), (E'tab\t nl\n cr\r bs\b ff\f vt\v back\\slash "q" ''s'''), ('ü😀');
INSERT INTO teams(leader, size, extra) SELECT i * 10, i, ROW(i, 'a "b", c'::text)::pair FROM generate_series(1, 20) i;
UPDATE people SET team = 1 + id % 20, boss = CASE WHEN id > 1 THEN id / 2 END;
INSERT INTO events SELECT '2024-06-01Z'::timestamptz + i * interval '1 day', 'k' || i % 3, '{"b":  1, "a": 1.0}' FROM generate_series(0, 400) i;
INSERT INTO "Shop 2"."we ""ird
table" VALUES (9223372036854775807, 'x', 'a=>1, b=>NULL'), (-9223372036854775808, NULL, NULL);
INSERT INTO loose VALUES (1, '{"a": 1}', '(1,2)', 1.50), (1, '{"a": 1}', '(1,2)', 1.50), (1, '{"a":1}', '(1,2)', 1.5), (NULL, NULL, NULL, NULL);
INSERT INTO empty SELECT FROM generate_series(1, 3);
INSERT INTO child VALUES ('a', 'b');
INSERT INTO numbers VALUES
	(1, 'NaN', 'NaN', 'NaN', '\x00ff5c', 'ab', '[1,5)', 'infinity', '1 year -2 mons 3.000001 s', '<a>&lt;</a>', '{"b": 1, "a": [1.50, null]}', '[0:1]={1,NULL}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '101', 12.5),
	(2, 12345678901234567890.12345678901234567890, '-0', '-0', '', '', 'empty', '0044-03-15 BC', '-1 day', NULL, 'null', '{}', NULL, '000', -1),
	(3, 1.500, '3.4028235e+38', '5e-324', NULL, NULL, NULL, '2024-02-29 23:59:59.999999', NULL, '', '1e400', '{{1,2},{3,4}}', NULL, NULL, NULL),
	(4, '-Infinity', 'Infinity', '-Infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT setval('teams_id_seq', 40, false), nextval('"Shop 2"."Q"'), nextval('"Shop 2"."Q"');
REFRESH MATERIALIZED VIEW sizes;
DELETE FROM ONLY log;

CREATE TRIGGER people_noted AFTER INSERT OR DELETE ON people FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TRIGGER teams_noted AFTER INSERT OR DELETE ON teams FOR EACH ROW EXECUTE FUNCTION noted();
ALTER TABLE teams ENABLE ALWAYS TRIGGER teams_noted;
CREATE TRIGGER loose_noted AFTER INSERT ON loose EXECUTE FUNCTION noted();
ALTER TABLE loose ENABLE REPLICA TRIGGER loose_noted;
COMMENT ON TABLE people IS 'all;of them';
COMMENT ON CONSTRAINT people_team_fkey ON people IS 'a cycle';
GRANT SELECT ON people TO reader;
GRANT UPDATE (size) ON teams TO reader;
ALTER TABLE numbers OWNER TO keeper;
ALTER TABLE numbers ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_them ON numbers TO reader USING (true);
