begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin');
select tocsin_internal.tick();

select isnt_empty('select from tocsin.self_metrics', 'In SQL they are seen,');
select set_config('request.jwt.claims', '{"role": "authenticated",
  "sub": "00000000-0000-4000-8000-0000000000ff"}', true);
set local role authenticated;
select isnt_empty('select from tocsin.self_metrics', 'and by operators;');
select set_config('request.jwt.claims', '{"role": "authenticated",
  "sub": "00000000-0000-4000-8000-0000000000ad"}', true);
select is_empty('select from tocsin.self_metrics', 'an admin of a project sees nothing,');
reset role;
select set_config('request.jwt.claims', '{"role": "anon"}', true);
set local role anon;
select throws_ok('select from tocsin.self_metrics', '42501', null, 'nor do the anonymous.');
reset role;
set local role service_role;
select throws_ok('select from tocsin.self_metrics', '42501', null,
  'The service has them from scrape_metrics().');

select * from finish();
rollback;
