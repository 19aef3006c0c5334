begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select lives_ok($$
  insert into tocsin.alert_settings (name, template)
  values ('told', e'{{workflow}} failed\n{{ message }} at {{node}}')
$$, 'A template that names known placeholders is saved.');
select throws_ok($$
  insert into tocsin.alert_settings (name, template) values ('x', '{{nonsense}}')
$$,
  'TC067', 'The template of "x" cannot be used. There is no placeholder {{nonsense}}: see '
  'tocsin.template_placeholders().', 'One that is not known is named.');
select throws_ok($$update tocsin.alert_settings set template = '{{#if x}}'$$, 'TC067', null,
  'There is no logic.');
select throws_ok($$update tocsin.alert_settings set template = '{{title'$$, 'TC067', null,
  'An opening without an end is refused.');
select lives_ok($$update tocsin.alert_settings set template = null$$, 'None is the usual text.');

select * from finish();
rollback;
