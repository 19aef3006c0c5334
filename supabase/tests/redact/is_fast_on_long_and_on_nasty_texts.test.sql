-- Repetitions that make a careless pattern try every beginning with every end.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create function pg_temp.time_to_redact(p_text text) returns interval language plpgsql as $$
declare
  v_began timestamptz := clock_timestamp();
begin
  perform tocsin_internal.redact(p_text);
  return clock_timestamp() - v_began;
end
$$;
create temp table slow as
select unit, suffix, pg_temp.time_to_redact(left(repeat(unit, 12000), 12000) || suffix) as took
from (values
  ('a'), ('1'), ('a_'), ('a.'), ('1-'), ('a://'), ('a://a:'), ('password'), ('password='),
  ('password_'), ('password: "'), ('password="\'), ('bearer '), ('eyJaaaaaa.'), ('sk-aaaaaaa'),
  ('-----BEGIN A PRIVATE KEY-----'), ('-----BEGIN '), ('4111 1111 1111 '), ('a b '), (' ')
) as u (unit)
cross join (values ('@'), (' password=x1'), ('password: "'), ('://a:b@c')) as s (suffix);

select is_empty($$select unit, suffix, took from slow where took > interval '1 second'$$,
  'No text of the length that is stored takes long.');
select is(tocsin_internal.redact(repeat('Error: nothing at foo (bar.js:1:34) ', 2700) || 'token=x'),
  repeat('Error: nothing at foo (bar.js:1:34) ', 2700) || 'token=[redacted:secret]',
  'A long stack trace keeps its length.');

select * from finish();
rollback;
