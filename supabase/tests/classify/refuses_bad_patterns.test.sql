begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(13);

create function pg_temp.save(p_pattern text) returns void language sql as $$
  insert into tocsin.error_classifiers (name, message_pattern, error_type)
  values ('x', p_pattern, 'auth')
$$;
select throws_ok(format('select pg_temp.save(%L)', pattern), 'TC030', null, left(pattern, 40))
from unnest(array['(', '[a', 'a*', '', '(a)\1', repeat('x', 501), '(a{1,50}){1,50}', '(a|b)?',
  'a{300,400}', '*a']) as pattern;
select lives_ok(format('select pg_temp.save(%L)', pattern), pattern)
from unnest(array['boom', '^order \d+ (not|never) found$', '(a+)+b']) as pattern;

select * from finish();
rollback;
