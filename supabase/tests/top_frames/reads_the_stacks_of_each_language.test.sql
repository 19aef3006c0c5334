begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

select is(tocsin_internal.top_frames('TypeError: x
    at Object.charge (/app/src/billing/charge.ts:10:5)
    at async run (/app/node_modules/lib/index.js:3:4)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at /app/src/worker.js:7:1'), 'charge billing/charge.ts
? src/worker.js', 'Node: the application''s own frames, without lines and columns.');
select is(tocsin_internal.top_frames('Error: x
    at handler (file:///tmp/fn_ab12/source/index.ts:12:9)
    at mapped (ext:runtime/http.js:242:42)'), 'handler source/index.ts', 'Deno.');
select is(tocsin_internal.top_frames('Traceback (most recent call last):
  File "/app/main.py", line 10, in <module>
    run()
  File "/app/jobs/run.py", line 3, in run
    go()
  File "/usr/lib/python3.12/site-packages/x.py", line 3, in go
ValueError: bad'), 'run jobs/run.py
<module> app/main.py', 'Python, which says the innermost last.');
select is(tocsin_internal.top_frames('goroutine 1 [running]:
main.(*Server).handle(0xc000010000, {0x1, 0x2})
    /src/app/server.go:42 +0x1d
net/http.HandlerFunc.ServeHTTP(0x1)
    /usr/local/go/src/net/http/server.go:2136 +0x29
main.main()
    /src/app/main.go:9 +0x20'), 'main.(*Server).handle app/server.go
main.main app/main.go', 'Go.');
select is(tocsin_internal.top_frames('load@https://x.example/_app/chunks/index-4f3a9c1b.js:1:2034
@https://x.example/_app/start.js:3:1'), 'load chunks/index.js
? _app/start.js', 'Firefox, and a build''s hashes.');
select is(tocsin_internal.top_frames('Error
    at a (/x/node_modules/p/q.js:1:1)
    at b (/x/node_modules/p/r.js:1:1)'), 'a p/q.js
b p/r.js', 'Without any frame of the application, those of libraries.');
select is(tocsin_internal.top_frames('no frames here'), null, 'Nothing where there is none.');
select is(tocsin_internal.top_frames(replace(said, ':10:', ':99:')),
  tocsin_internal.top_frames(said),
  'Moved lines make no other group.')
from (values ('    at charge (/app/src/charge.ts:10:5)')) as s (said);

select * from finish();
rollback;
