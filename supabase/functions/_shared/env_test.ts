import assert from "node:assert/strict";
import {
  ConfigurationError,
  readPublicSettings,
  readSupabaseSettings,
  readText,
  readUrl,
} from "./env.ts";

const env = (values: Record<string, string>) => ({ get: (name: string) => values[name] });
const url = "http://127.0.0.1:54321";

function code(values: Record<string, string>): string {
  try {
    readSupabaseSettings(env(values));
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    assert.notEqual(error.hint, "");
    return error.code;
  }
  return "none";
}

Deno.test("the default secret key is used, else the first, else the service role key", () => {
  const key = (values: Record<string, string>) =>
    readSupabaseSettings(env({ SUPABASE_URL: url, ...values })).secretKey;
  assert.equal(key({ SUPABASE_SECRET_KEYS: '{"other":"b","default":"a"}' }), "a");
  assert.equal(key({ SUPABASE_SECRET_KEYS: '{"other":"b","more":"c"}' }), "b");
  assert.equal(key({ SUPABASE_SECRET_KEYS: "{}", SUPABASE_SERVICE_ROLE_KEY: "d" }), "d");
  assert.equal(key({ SUPABASE_SECRET_KEYS: "not json", SUPABASE_SERVICE_ROLE_KEY: "d" }), "d");
  assert.equal(
    key({ SUPABASE_SECRET_KEYS: '{"default":"a"}', SUPABASE_SERVICE_ROLE_KEY: "d" }),
    "a",
  );
});

Deno.test("without a key or an address it says which is missing", () => {
  assert.equal(code({ SUPABASE_URL: url }), "missing_secret_key");
  assert.equal(code({ SUPABASE_URL: url, SUPABASE_SERVICE_ROLE_KEY: " " }), "missing_secret_key");
  assert.equal(code({ SUPABASE_SERVICE_ROLE_KEY: "d" }), "missing_supabase_url");
  assert.equal(
    code({ SUPABASE_URL: "127.0.0.1", SUPABASE_SERVICE_ROLE_KEY: "d" }),
    "missing_supabase_url",
  );
});

Deno.test("the publishable key is found the same way, and no secret key is taken for it", () => {
  const read = (values: Record<string, string>) =>
    readPublicSettings(env({ SUPABASE_URL: url, ...values })).publishableKey;
  assert.equal(read({ SUPABASE_PUBLISHABLE_KEYS: '{"default":"a"}', SUPABASE_ANON_KEY: "d" }), "a");
  assert.equal(read({ SUPABASE_ANON_KEY: "d" }), "d");
  assert.throws(() => read({ SUPABASE_SECRET_KEYS: '{"default":"s"}' }), {
    name: "ConfigurationError",
    code: "missing_publishable_key",
  });
});

Deno.test("blank values count as not set, and only http addresses as addresses", () => {
  assert.equal(readText(env({ A: "  " }), "A"), undefined);
  assert.equal(readText(env({ A: " b " }), "A"), "b");
  assert.equal(readUrl(env({ A: "https://a.example/b/" }), "A"), "https://a.example/b");
  assert.equal(readUrl(env({ A: "javascript:alert(1)" }), "A"), undefined);
  assert.equal(readUrl(env({}), "A"), undefined);
});
