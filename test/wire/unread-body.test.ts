import t from 'tap'
import { admin, generateOverSocket, startHost, type HostSetup } from '../helpers/host.ts'
import { listen } from '../helpers/raw-http.ts'

const json = { 'content-type': 'application/json' }

const unread: [what: string, headers: Record<string, string>, body?: string, setup?: HostSetup][] = [
  ['declared and never sent', { ...json, 'content-length': '2' }],
  ['chunked and never sent', { ...json, 'transfer-encoding': 'chunked' }],
  ['chunked and never ended', { ...json, 'transfer-encoding': 'chunked' }, '800\r\n' + 'x'.repeat(2048) + '\r\n'],
  ['of a content type that is not one', { 'content-type': 'garbage', 'content-length': '2' }, '{}'],
  ['of an empty content type', { 'content-type': '', 'content-length': '2' }, '{}'],
  ['never sent to a host with handlerTimeout', { ...json, 'content-length': '2' }, '', { server: { handlerTimeout: 50 } }],
  ['never sent to a host that sets request headers', { 'content-type': 'garbage', 'content-length': '2' }, '', {
    prepare (app) {
      app.addHook('onRequest', async (request) => { request.headers = { 'x-host': 'yes' } })
    }
  }]
]

for (const [what, headers, body, setup] of unread) {
  t.test(`a token is generated with a body ${what} -> 200 without reading it`, async (t) => {
    const { app, replaced } = await startHost(t, setup)
    const response = await generateOverSocket(await listen(app), { ...admin, ...headers }, body)
    t.match(response, { status: 200, body: /^{"token":"scim_/ })
    t.equal(replaced.length, 1)
  })
}

t.test('a content type is sent -> the host reads all headers of the request, except the content type', async (t) => {
  const seen: unknown[] = []
  const { app } = await startHost(t, {
    prepare (app) {
      app.addHook('onRequest', async (request) => { request.headers = { ...request.headers, 'x-host': 'yes' } })
      app.addHook('preHandler', async ({ headers }) => { seen.push([headers.authorization, headers['x-host'], headers['content-type']]) })
    }
  })
  await generateOverSocket(await listen(app), { ...admin, ...json, 'content-length': '2' }, '{}')
  t.strictSame(seen, [['admin', 'yes', undefined]])
})
