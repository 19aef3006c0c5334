begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select results_eq($$
  select url, tocsin_internal.webhook_url(url) from (values
    ('https://api.example.com/v1/orders/hooks'),
    ('https://user:pass@api.example.com:8443/hooks?token=abc#top'),
    ('https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX'),
    ('https://discord.com/api/webhooks/1234567890/aB3-dEfGhIjKlMnOpQrStUvWxYz_0123456789'),
    ('https://api.telegram.org/bot123456:AAE-secret/sendMessage'),
    ('https://example.com/customers/42/7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e/notify-of-shipping'),
    ('https://abcdefghijklmnopqrst.supabase.co/functions/v1/send-welcome-email'),
    ('https://eo1abc2def3ghi4j.m.pipedream.net'),
    ('http://127.0.0.1:54321/functions/v1/x'),
    ('https://example.com/a%2Fb/key=value')
  ) as u (url)
$$, $$values
  ('https://api.example.com/v1/orders/hooks', 'https://api.example.com/v1/orders/hooks'),
  ('https://user:pass@api.example.com:8443/hooks?token=abc#top',
    'https://api.example.com:8443/hooks'),
  ('https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX',
    'https://hooks.slack.com/services/*/*/*'),
  ('https://discord.com/api/webhooks/1234567890/aB3-dEfGhIjKlMnOpQrStUvWxYz_0123456789',
    'https://discord.com/api/webhooks/*/*'),
  ('https://api.telegram.org/bot123456:AAE-secret/sendMessage',
    'https://api.telegram.org/*/sendMessage'),
  ('https://example.com/customers/42/7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e/notify-of-shipping',
    'https://example.com/customers/*/*/notify-of-shipping'),
  ('https://abcdefghijklmnopqrst.supabase.co/functions/v1/send-welcome-email',
    'https://abcdefghijklmnopqrst.supabase.co/functions/v1/send-welcome-email'),
  ('https://eo1abc2def3ghi4j.m.pipedream.net', 'https://*.m.pipedream.net'),
  ('http://127.0.0.1:54321/functions/v1/x', 'http://127.0.0.1:54321/functions/v1/x'),
  ('https://example.com/a%2Fb/key=value', 'https://example.com/*/*')
$$, 'Credentials, query, ids and tokens are left out; the words of a path stay.');

select * from finish();
rollback;
