CREATE EXTENSION hstore; CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'very "happy"', 'a,b');
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE DOMAIN posint2 AS posint;
CREATE DOMAIN money_amount AS numeric(12,4);
CREATE DOMAIN flag AS bool;
CREATE DOMAIN code AS char(5);
CREATE TYPE pair AS (a int, b text, c mood);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE SCHEMA "My Schema";
CREATE TABLE "My Schema"."a.b""c" ("weird col" int PRIMARY KEY, "$x" text, "é" text, "select" text, "NULL" text DEFAULT 'x''y');
INSERT INTO "My Schema"."a.b""c" VALUES (1, '$', 'é', 'sel', 'n'), (2, NULL, E'\u20ac', '', DEFAULT);
CREATE TABLE numbers (id serial PRIMARY KEY, i2 int2, i4 int4, i8 int8, n numeric, nn numeric(40,20), f4 float4, f8 float8, o oid, p posint, p2 posint2, m money_amount, fl flag);
INSERT INTO numbers(i2,i4,i8,n,nn,f4,f8,o,p,p2,m,fl) VALUES
 (-32768,-2147483648,-9223372036854775808,'NaN',1.5,'NaN','NaN',4294967295,1,1,1.5,true),
 (32767,2147483647,9223372036854775807,'Infinity',12345678901234567890.12345678901234567890,'-0','-0',0,2,3,0,false),
 (0,0,0,'-Infinity',0,'Infinity','-Infinity',NULL,NULL,NULL,NULL,NULL),
 (0,0,0,0.000000000000000000000000000000000000000000000000000000000000001,-0.1,1.17549435e-38,2.2250738585072014e-308,1,1,1,-9999.9999,NULL),
 (0,0,0,1e1000,0.10,3.4028235e38,1.7976931348623157e308,1,1,1,1,NULL),
 (0,0,0,1.50,1,1e-45,5e-324,1,1,1,1,NULL),
 (0,0,0,1.500,1,0.1,0.1,1,1,1,1,NULL),
 (0,0,0,-1,1,16777216,123456789012345680,1,1,1,1,NULL),
 (0,0,0,100,1,1e15,1e15,1,1,1,1,NULL),
 (0,0,0,0,1,1e16,1e22,1,1,1,1,NULL);
CREATE TABLE texts (id bigserial PRIMARY KEY, t text, v varchar(30), c char(10), n name, q "char", cd code, ci citext, x xml, b bytea);
INSERT INTO texts(t,v,c,n,q,cd,ci,x,b) VALUES
 ('', '', '', '', '', '', '', '', ''),
 (E'tab\there\\backslash\nnewline\r\b\f\v\x01\x7f', '\N', 'pad  ', 'n', 'q', 'ab', 'MiXed', '<a>&lt;</a>', '\x00ff5c0a09'),
 ('"quoted" ''single'' \N \. \', E'\\N', E'a\nb', 'x"y', E'\\', 'abcde', E'é', '<?xml version="1.0"?><r/>', decode(repeat('00',300),'hex')),
 (E'\U0001F600 é'::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO texts(t) VALUES (repeat('x', 600000)), (repeat(E'é\n', 400000));
CREATE TABLE times (id int PRIMARY KEY, d date, t time, tt timetz, ts timestamp, tz timestamptz, iv interval);
INSERT INTO times VALUES
 (1,'0044-03-15 BC','24:00:00','24:00:00-15:59','0044-03-15 12:00 BC','0044-03-15 12:00 BC','1 year 2 mons 3 days 04:05:06.789'),
 (2,'infinity','00:00:00.000001','00:00:00.1+05:30','infinity','infinity','-1 mons +1 day -00:00:00.000001'),
 (3,'-infinity','23:59:59.999999','23:59:59+00','-infinity','-infinity','178000000 years'),
 (4,'5874897-12-31','12:00','12:00+14','294276-12-31 23:59:59.999999','294276-12-31 23:59:59.999999+00','0'),
 (5,'4713-01-01 BC','00:00','00:00','4713-01-01 00:00:00 BC','2026-07-01 00:00:00 America/New_York','-178000000 years'),
 (6,'2026-02-28',NULL,NULL,'2026-01-01 00:00:00.1','2026-03-29 01:30:00 Europe/Berlin','1 day -1 hour');
CREATE TABLE nets (id int, i inet, c cidr, m macaddr, m8 macaddr8, u uuid, b bit(5), vb bit varying, mo money);
INSERT INTO nets VALUES (1,'192.168.1.1','10.0.0.0/8','08:00:2b:01:02:03','08:00:2b:01:02:03:04:05','a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',B'10101',B'','$1,234.50'),
 (2,'192.168.1.0/24','::/0','ff:ff:ff:ff:ff:ff','ff:ff:ff:ff:ff:ff:ff:ff','00000000-0000-0000-0000-000000000000',B'00000',B'1','-92233720368547758.08'),
 (2,'::1',NULL,NULL,NULL,'ffffffff-ffff-ffff-ffff-ffffffffffff',NULL,B'10',NULL), (NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE jsons (j json, jb jsonb, h hstore);
INSERT INTO jsons VALUES ('null','null',''),(NULL,NULL,NULL),(E'{"a" : 1,\n\t"a":2, "x":"\\u00e9\\\\" }','{"b":1,"a":[1.0,1.50,1e5,null,{"x":"\u00e9"}]}','a=>1,"b c"=>NULL,"d\"e"=>"\\"'),
 ('  [ ]  ','[]','x=>y'),('12345678901234567890.10','12345678901234567890.10',NULL),('"\ud83d\ude00"','"a\nb"',NULL);
CREATE TABLE arrays (id int PRIMARY KEY, a int[], t text[], n numeric[], bb bool[], m mood[], c pair[], b bytea[], j json[], a3 int[][][]);
INSERT INTO arrays VALUES (1,'{}','{}','{}','{}','{}','{}','{}','{}','{}'),
 (2,'[0:1]={7,8}',ARRAY['a,b','"q"','\','NULL',NULL,'','{x}',E'\n'],'{NaN,1.50}','{t,f,NULL}',ARRAY['a,b'::mood],ARRAY[ROW(1,'x y','sad')::pair],ARRAY['\x00'::bytea],ARRAY['{"a":1}'::json],'{{{1,2},{3,4}},{{5,6},{7,NULL}}}'),
 (3,'[-2:-1][3:4]={{1,2},{3,4}}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE ranges (id int PRIMARY KEY, r int4range, n numrange, t tsrange, tz tstzrange, d daterange, fr floatrange, mr int4multirange, tm tstzmultirange);
INSERT INTO ranges VALUES (1,'empty','empty','empty','empty','empty','empty','{}','{}'),
 (2,'[1,5)','(1.50,2.5]','[2026-01-01,infinity)','["2026-01-01 00:00:00+05","2026-02-01 00:00:00+05")','[2026-01-01,2026-01-31]','[-0,1.5]','{[1,2),[5,)}','{[2026-01-01,2026-01-02)}'),
 (3,'(,)','(,)','(,)','(,)','(,)','(,)','{(,)}','{(,)}');
CREATE TABLE others (id int PRIMARY KEY, m mood, p pair, ts tsvector, tq tsquery, pt point, ln line, ls lseg, bx box, pa path, pg polygon, ci circle, rc regclass, rt regtype, rp regproc, rpr regprocedure, lsn pg_lsn, snap txid_snapshot, x xid, cid cid, t tid, jp jsonpath, role regrole, ns regnamespace, cfg regconfig);
INSERT INTO others VALUES (1,'very "happy"',ROW(1,'a"b,c',NULL),'''a b'':1A,2B c:3','a & !b | c <-> d','(1.5,-0)','{1,-1,0}','[(0,0),(1,1)]','(1,1),(0,0)','[(0,0),(1,1)]','((0,0),(1,1),(1,0))','<(0,0),1e-5>','"My Schema"."a.b""c"','mood','now','now()','16/B374D848','10:20:10,14,15','42','7','(0,1)','$.a[*] ? (@.b > 1)','rowback','"My Schema"','simple'),
 (2,NULL,ROW(NULL,NULL,NULL),'','','(NaN,Infinity)','{0,-1,1.5}',NULL,NULL,'((0,0),(1,1))',NULL,NULL,'0','int[]','0','0','0/0','1:1:',NULL,NULL,NULL,NULL,NULL,NULL,NULL), (3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE nokey (p pair, m mood, c char(4), i inet, f float8, n numeric, a int[], j text);
INSERT INTO nokey SELECT * FROM (VALUES (ROW(1,'x','sad')::pair,'ok'::mood,'ab'::char(4),'10.0.0.1'::inet,'-0'::float8,1.5::numeric,'{1}'::int[],'x'::text),
 (ROW(1,'x','sad')::pair,'ok'::mood,'ab'::char(4),'10.0.0.1'::inet,'0'::float8,1.5::numeric,'{1}'::int[],'x'::text),
 (ROW(NULL,NULL,NULL)::pair,NULL,NULL,NULL,'NaN','NaN',NULL,NULL),(NULL,NULL,NULL,NULL,NULL,'Infinity',NULL,NULL),(NULL,NULL,NULL,NULL,NULL,'-Infinity',NULL,NULL),(NULL,'a,b','a','10.0.0.0/24','-Infinity',-1,NULL,NULL),(NULL,'sad','a b','::1','Infinity',-1.0,NULL,NULL),(NULL,'sad','','::1','1e300',10,NULL,NULL),(NULL,'sad','b','::1',NULL,9,NULL,NULL)) v;
INSERT INTO nokey SELECT * FROM nokey;
