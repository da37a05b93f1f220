-- A table, and all sorts of things that stand on it: none of them lets it be dropped.
CREATE SCHEMA "Other Schema";
CREATE TYPE state AS ENUM ('new', 'paid', 'sent');
CREATE FUNCTION first_state() RETURNS state LANGUAGE sql IMMUTABLE AS $$SELECT 'new'::public.state$$;
CREATE TABLE customers(
	id serial PRIMARY KEY,
	name text NOT NULL,
	mail text UNIQUE,
	since date DEFAULT '2020-01-01');
CREATE TABLE orders(
	id serial PRIMARY KEY,
	customer integer NOT NULL REFERENCES customers(id) ON DELETE CASCADE,
	total numeric(10,2) NOT NULL CHECK (total >= 0),
	state state NOT NULL DEFAULT first_state());
CREATE TABLE noted(what text, mail text REFERENCES customers(mail));
CREATE TABLE parts(day date NOT NULL, customer integer REFERENCES customers(id), PRIMARY KEY (day)) PARTITION BY RANGE (day);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM ('2000-01-01') TO ('2020-01-01');
CREATE TABLE "Other Schema".parts_new PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2040-01-01');
CREATE FUNCTION label(customers) RETURNS text LANGUAGE sql STABLE AS $$SELECT $1.name || ' #' || $1.id$$;
CREATE FUNCTION many() RETURNS SETOF customers LANGUAGE sql STABLE AS $$SELECT * FROM public.customers$$;
CREATE FUNCTION count_many(customers[], n integer DEFAULT 2) RETURNS bigint LANGUAGE sql AS $$SELECT cardinality($1) + n$$;
CREATE PROCEDURE tidy(INOUT customers) LANGUAGE plpgsql AS $$BEGIN END$$;
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE it public.customers := NEW;
BEGIN INSERT INTO public.noted(what) VALUES (public.label(it)); RETURN NEW; END $$;
CREATE TRIGGER changes AFTER INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION on_change();
CREATE TRIGGER only_named BEFORE UPDATE OF name ON customers FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION on_change();
CREATE VIEW named AS SELECT id, name, mail FROM customers;
CREATE VIEW "Named ""2""" AS SELECT n.id, n.name, label(c) AS label FROM named n JOIN customers c USING (id);
CREATE VIEW per_customer AS SELECT c.id, c.name, sum(o.total) AS total FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.id;
CREATE VIEW "Other Schema".all_of_it AS SELECT * FROM "Named ""2""" UNION ALL SELECT id, name, total::text FROM per_customer;
CREATE MATERIALIZED VIEW totals AS SELECT id, name, total FROM per_customer;
CREATE UNIQUE INDEX totals_by_id ON totals(id);
CREATE MATERIALIZED VIEW not_filled AS SELECT * FROM totals WITH NO DATA;
CREATE INDEX by_label ON customers(lower(name));
CREATE STATISTICS customers_more ON name, mail FROM customers;
CREATE RULE no_delete AS ON DELETE TO orders WHERE EXISTS (SELECT FROM customers c WHERE c.id = old.customer AND c.name = 'kept') DO INSTEAD NOTHING;
CREATE RULE into_named AS ON INSERT TO named DO INSTEAD INSERT INTO customers(name, mail) VALUES (new.name, new.mail);
CREATE FUNCTION through_view() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER instead INSTEAD OF DELETE ON per_customer FOR EACH ROW EXECUTE FUNCTION through_view();
ALTER VIEW named ALTER COLUMN name SET DEFAULT 'nobody';
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders USING (customer IN (SELECT id FROM customers WHERE name = current_user));
CREATE TABLE like_them(who noted, note text);
CREATE TABLE with_default(id serial PRIMARY KEY, label text DEFAULT coalesce(label(NULL::customers), 'nobody'));
CREATE PUBLICATION pub FOR TABLE customers, orders;

INSERT INTO customers(name, mail) SELECT 'customer ' || i, 'm' || i FROM generate_series(1, 30) i;
INSERT INTO orders(customer, total) SELECT 1 + i % 30, i * 1.25 FROM generate_series(1, 100) i;
INSERT INTO noted SELECT 'by hand', mail FROM customers;
INSERT INTO parts SELECT '2015-01-01'::date + i * 200, i FROM generate_series(1, 20) i;
INSERT INTO like_them SELECT n, 'n' FROM noted n;
INSERT INTO with_default DEFAULT VALUES;
REFRESH MATERIALIZED VIEW totals;

COMMENT ON TABLE customers IS 'who buys';
COMMENT ON COLUMN customers.mail IS 'and where';
COMMENT ON VIEW named IS 'a view; of names';
COMMENT ON COLUMN named.name IS 'column of a view';
COMMENT ON VIEW "Named ""2""" IS 'again';
COMMENT ON MATERIALIZED VIEW totals IS 'sums';
COMMENT ON INDEX totals_by_id IS 'by id';
COMMENT ON RULE no_delete ON orders IS 'a rule';
COMMENT ON POLICY own ON orders IS 'a policy';
COMMENT ON TRIGGER changes ON customers IS 'a trigger';
COMMENT ON CONSTRAINT noted_mail_fkey ON noted IS 'a key';
COMMENT ON FUNCTION label(customers) IS 'a function';
COMMENT ON FUNCTION first_state() IS 'a default';
COMMENT ON TYPE state IS 'a type';
GRANT SELECT ON customers TO reader, keeper;
GRANT SELECT ON named, per_customer, totals TO reader;
GRANT UPDATE (name) ON named TO reader;
GRANT SELECT ON "Other Schema".all_of_it TO reader WITH GRANT OPTION;
REVOKE EXECUTE ON FUNCTION label(customers) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION label(customers), first_state() TO reader;
GRANT USAGE ON TYPE state TO reader;
GRANT USAGE ON SEQUENCE customers_id_seq TO reader;
ALTER VIEW named OWNER TO keeper;
ALTER FUNCTION many() OWNER TO keeper;
ALTER MATERIALIZED VIEW not_filled OWNER TO keeper;
