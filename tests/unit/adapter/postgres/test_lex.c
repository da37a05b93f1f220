/*
 * Tests of src/adapter/postgres/lex.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "postgres/schema_priv.h"

/* The tokens of a text, with a letter for their kinds, between '|'. */
static void assert_tokens(const char *text, const char *want)
{
	struct rb_pg_lexer lexer = {text, text + strlen(text), text};
	struct rb_buf got = RB_BUF(1 << 16);
	struct rb_pg_token token;

	while ((token = rb_pg_lex(&lexer)).kind != RB_PG_TOKEN_END)
		assert_int_equal(rb_buf_addf(&got, NULL, "%c:%.*s|", "EWCO"[token.kind],
		                             (int)token.len, token.text),
		                 RB_OK);
	assert_string_equal(rb_buf_str(&got), want);
	rb_buf_release(&got);
}

static void tokens(void **state)
{
	static const char *const cases[][2] = {
	        {"", ""},
	        {"ALTER TABLE public.a;", "W:ALTER|W:TABLE|W:public.a|O:;|"},
	        {"\"A\"\"b\".\"c d\" x", "W:\"A\"\"b\".\"c d\"|W:x|"},
	        {"'it''s; --' y", "O:'it''s; --'|W:y|"},
	        {"E'\\'; ' z", "O:E'\\'; '|W:z|"},
	        {"'\\' z", "O:'\\'|W:z|"},
	        {"E'a' \n 'b\\' ' ; c", "O:E'a' \n 'b\\' '|O:;|W:c|"},
	        {"E'a' 'b\\' c", "O:E'a'|O:'b\\'|W:c|"},
	        {"$$ ; $a$ $$ $t$ $$ ; $t$;", "O:$$ ; $a$ $$|O:$t$ $$ ; $t$|O:;|"},
	        {"$1 a$b$c", "O:$|O:1|W:a$b$c|"},
	        {"1.5e3 f(x)", "O:1|O:.|O:5e3|W:f|O:(|W:x|O:)|"},
	        {"a -- b\nc", "W:a|C:-- b|W:c|"},
	        {"\\restrict x\n1\\2", "C:\\restrict x|O:1|O:\\|O:2|"},
	        {"/* a /* b */ ; */ c", "C:/* a /* b */ ; */|W:c|"},
	        {"'open", "O:'open|"},
	        {"\"open", "W:\"open|"},
	        {"$$open", "O:$$open|"},
	        {"E'open\\", "O:E'open\\|"},
	        {"/* open", "C:/* open|"},
	        {"a.", "W:a|O:.|"},
	        {"\xc3\xa4.b", "W:\xc3\xa4.b|"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_tokens(cases[i][0], cases[i][1]);
}

static void words_are_written_as_rowback_writes_names(void **state)
{
	static const char *const cases[][2] = {
	        {"public.a", "public.a"},
	        {"public.\"user\"", "public.user"},
	        {"\"My\".\"a\"\"b\"", "\"My\".\"a\"\"b\""},
	        {"\"a.b\"", "\"a.b\""},
	        {"\"1\".x$1", "\"1\".x$1"},
	        {"\xc3\xa4", "\"\xc3\xa4\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i][0];
		struct rb_pg_lexer lexer = {text, text + strlen(text), text};
		struct rb_pg_token word = rb_pg_lex(&lexer);
		struct rb_buf out = RB_BUF(1024);

		assert_int_equal(rb_pg_add_word(&out, &word, NULL), RB_OK);
		assert_string_equal(rb_buf_str(&out), cases[i][1]);
		rb_buf_release(&out);
	}
}

static void keywords_are_upper_case_words(void **state)
{
	const char *text = "TABLE table 'TABLE'";
	struct rb_pg_lexer lexer = {text, text + strlen(text), text};
	struct rb_pg_token token = rb_pg_lex(&lexer);

	(void)state;
	assert_true(rb_pg_token_is(&token, "TABLE"));
	assert_false(rb_pg_token_is(&token, "TABLES"));
	token = rb_pg_lex(&lexer);
	assert_false(rb_pg_token_is(&token, "TABLE"));
	token = rb_pg_lex(&lexer);
	assert_false(rb_pg_token_is(&token, "TABLE"));
}

static void statements_about_transactions_are_found(void **state)
{
	static const char *const harmful[] = {
	        "COMMIT",
	        "CREATE TABLE a();\n commit;",
	        "SELECT 1; /* x */ End",
	        "x; -- y\nBEGIN;",
	        "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END; END;",
	        "CREATE FUNCTION f() BEGIN ATOMIC COMMIT; END;",
	        "E'a'\n'b\\' '; ROLLBACK; '"};
	static const char *const harmless[] = {
	        "",
	        "CREATE TABLE \"COMMIT\" (\"END\" text DEFAULT '; COMMIT;');",
	        "CREATE FUNCTION f() AS $$ BEGIN; COMMIT; END $$;",
	        "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE 1 WHEN 2 THEN 3 END; SELECT 2; END;",
	        "CREATE FUNCTION f() BEGIN ATOMIC END;",
	        "CREATE FUNCTION f() BEGIN ATOMIC\nEND;\n\nALTER FUNCTION f() OWNER TO a;"};

	(void)state;
	for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++)
		assert_true(rb_pg_ends_transaction(harmful[i]));
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		assert_false(rb_pg_ends_transaction(harmless[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tokens),
	        cmocka_unit_test(words_are_written_as_rowback_writes_names),
	        cmocka_unit_test(statements_about_transactions_are_found),
	        cmocka_unit_test(keywords_are_upper_case_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
