import { EventEmitter, once } from 'node:events'
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type Http2Server } from 'node:http2'
import { text } from 'node:stream/consumers'
import Fastify, { type onRequestAsyncHookHandler } from 'fastify'
import t, { type Test } from 'tap'
import scimToken from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, generatePath, users } from '../helpers/host.ts'

type Hook = onRequestAsyncHookHandler<Http2Server>

const post = (client: ClientHttp2Session, headers = {}) => client.request({ ':method': 'POST', ':path': generatePath, ...admin, ...headers })

async function statusAndBody (stream: ClientHttp2Stream): Promise<[status: number, body: string]> {
  const [headers] = await once(stream, 'response')
  return [headers[':status'], await text(stream)]
}

/** Starts an HTTP/2 host whose `authorize` waits for an event if the request has the header `x-slow`. */
async function startHttp2Host (t: Test, hook: Hook = async () => {}) {
  const events = new EventEmitter()
  let replaced = 0
  const store = memoryStore()
  const app = Fastify({ http2: true })
  app.addHook('onSend', async () => { events.emit('response sent') })
  app.addHook('onRequest', hook)
  app.decorate('scimAuthResolver', {
    authenticate: users.authenticate,
    async authorize (_user, _permissions, { headers }) {
      if (headers['x-slow'] === undefined) return true
      events.emit('authorize called')
      await once(events, 'authorize may return')
      return true
    }
  })
  app.decorate('scimTokenStore', { ...store, replace: (...args) => { replaced++; return store.replace(...args) } })
  app.register(scimToken)
  const client = connect(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(async () => {
    client.close()
    await app.close()
  })
  return { client, events, replaced: () => replaced }
}

t.test('requests over HTTP/2 -> the same tokens and errors as over HTTP/1.1', async (t) => {
  const { client } = await startHttp2Host(t)
  t.match(await statusAndBody(post(client).end()), [200, /^{"token":"scim_/])
  t.match(await statusAndBody(post(client, { 'content-type': 'application/json' }).end()), [200, /^{"token":"scim_/])
  t.match(await statusAndBody(post(client, { 'content-type': 'application/json', 'content-length': '5000' }).end('x'.repeat(5000))), [413, /"PayloadTooLargeError"/])
  t.match(await statusAndBody(post(client, { authorization: 'bogus' }).end()), [401, /"AuthenticationRequired"/])
})

for (const [what, hook] of Object.entries<Hook>({
  'sets a header of HTTP/1.1': async (_request, reply) => { reply.header('keep-alive', 'timeout=5') },
  'throws an error with headers of an HTTP/1.1 server': async () => { throw Object.assign(new Error('bad gateway'), { statusCode: 502, headers: { 'keep-alive': 'timeout=5' } }) }
})) {
  t.test(`a hook of an HTTP/2 host ${what} -> a 5xx, and the host responds to the next call`, async (t) => {
    const { client } = await startHttp2Host(t, async function (request, reply) {
      if (request.headers['x-hooked'] !== undefined) await hook.call(this, request, reply)
    })
    const [status, body] = await statusAndBody(post(client, { 'x-hooked': 'yes' }).end())
    t.ok(status >= 500)
    t.match(JSON.parse(body), { id: String, name: String, message: String })
    t.match(await statusAndBody(post(client).end()), [200, String])
  })
}

t.test('an HTTP/2 request cancelled while authorize() runs -> nothing is stored', async (t) => {
  const { client, events, replaced } = await startHttp2Host(t)
  const stream = post(client, { 'x-slow': 'yes' })
  await once(events, 'authorize called')
  const closed = once(stream, 'close')
  stream.close(constants.NGHTTP2_CANCEL)
  await closed
  t.match(await statusAndBody(post(client).end()), [200, String], 'the server has read the cancellation, which was sent before this request')
  t.equal(replaced(), 1)

  const responseSent = once(events, 'response sent')
  events.emit('authorize may return')
  await responseSent
  t.equal(replaced(), 1)
})

t.test(':authority with a default port and the Origin without -> the own page is accepted, another port is not', async (t) => {
  const { client } = await startHttp2Host(t)
  const withAuthority = (authority: string) => statusAndBody(post(client, { ':authority': authority, origin: 'https://app.example' }).end())
  t.match(await withAuthority('app.example:443'), [200, /^{"token":"scim_/])
  t.match(await withAuthority('app.example:8443'), [403, /"NoAccessError"/])
  t.match(await withAuthority('app.example:80'), [403, /"NoAccessError"/])
})
