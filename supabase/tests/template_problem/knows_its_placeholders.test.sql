begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

create function pg_temp.problem(p_template text) returns text language sql as $$
  select tocsin_internal.template_problem(p_template)
$$;
select is(pg_temp.problem(null), null, 'No template is fine.');
select is(pg_temp.problem('{{workflow}} broke{{ node }}. 5 {apples} cost $ 3 % off'), null,
  'Text with placeholders is fine.');
select is(pg_temp.problem((select string_agg('{{' || name || '}}', ' ')
  from tocsin.template_placeholders())), null, 'All that are listed may be named.');
select matches(pg_temp.problem('Hello {{wrokflow}}'), 'no placeholder {{wrokflow}}',
  'One that is not known is named.');
select matches(pg_temp.problem('{{#each items}}x{{/each}}'), 'no placeholder {{#each items}}',
  'There is no logic.');
select matches(pg_temp.problem('{{{message}}}'), 'belongs to no placeholder', 'Nothing goes raw.');
select matches(pg_temp.problem('Hello {{workflow'), 'belongs to no placeholder', 'Half a one.');
select matches(pg_temp.problem('  '), 'empty', 'Nothing at all.');
select matches(pg_temp.problem(repeat('x', 4001)), 'longer', 'A novel.');

select * from finish();
rollback;
