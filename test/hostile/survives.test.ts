import t, { type Test } from 'tap'
import { generatePath } from '../helpers/host.ts'
import { exchange, parseResponse, statusCodes, type HttpResponse } from '../helpers/raw-http.ts'
import { uuid } from '../helpers/uuid.ts'
import { startHostileHost, type HostileHost } from './hostile-host.ts'
import { internals, planHeader, type Plan } from './plan.ts'

// Each request goes to a process, which must serve the next one too.

const settingsPath = '/api/admin/scim-settings'
const token = 'scim_4eDSyp7eV8rHF61DuGmF5O4rzjDQmaIpKRLtZZ4Wjrq1q4mCu'
const requests = {
  generate: (plan: Plan) => head('POST', generatePath, plan, 'authorization: admin'),
  'generate without credentials': (plan: Plan) => head('POST', generatePath, plan),
  'get settings': (plan: Plan) => head('GET', settingsPath, plan, 'authorization: admin'),
  'change settings': (plan: Plan) => head('POST', settingsPath, plan, 'authorization: admin', 'content-type: application/json', 'content-length: 16') + '{"enabled":true}',
  'a SCIM request': (plan: Plan) => head('GET', '/scim/Users', plan, `authorization: Bearer ${token}`)
}
type RequestName = keyof typeof requests

function head (method: string, path: string, plan: Plan, ...headers: string[]): string {
  return [`${method} ${path} HTTP/1.1`, 'host: localhost', 'connection: close', `${planHeader}: ${JSON.stringify(plan)}`, ...headers, '', ''].join('\r\n')
}

t.setTimeout(170_000)

const hosts = {
  'a host': await startHostileHost({ http2: false, timeout: 60 }),
  'a host with handlerTimeout': await startHostileHost({ http2: false, timeout: 60, handlerTimeout: 30 })
}
t.teardown(() => Promise.all(Object.values(hosts).map(({ stop }) => stop())))

const isAlive = async ({ url }: HostileHost, path = '/alive') =>
  (await exchange(url, `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)).includes(' 200 OK')

/** Sends a request, and expects one response, and that the process serves the next one. */
async function sendTo (t: Test, host: HostileHost, name: RequestName, plan: Plan): Promise<HttpResponse> {
  const received = await exchange(host.url, requests[name](plan))
  t.equal(statusCodes(received).length, 1, 'one response')
  const response = parseResponse(received)
  if (response.status >= 500) t.notMatch(response.body, internals)
  t.ok(await isAlive(host), 'the next request')
  t.equal(host.ended(), undefined)
  t.strictSame(host.leaks, [])
  return response
}

function isApiError (t: Test, { body }: HttpResponse): void {
  t.matchOnly(JSON.parse(body), { id: uuid, name: String, message: String, details: [{ message: String }] })
}

const everyMethod: [method: string, request: RequestName][] = [
  ['authenticate', 'generate'], ['authorize', 'generate'], ['replace', 'generate'], ['authenticate', 'get settings'], ['getSettings', 'get settings'],
  ['authenticate', 'change settings'], ['authorize', 'change settings'], ['setEnabled', 'change settings'], ['find', 'a SCIM request']
]

for (const [method, request] of everyMethod) {
  t.test(`${method}() rejects with what cannot be read (${request}) -> a 5xx, and the process goes on`, async (t) => {
    // Each of the seven kinds.
    for (let i = 0; i < 7; i++) {
      const { status } = await sendTo(t, hosts['a host'], request, { [method]: 'rejects with what is unreadable' })
      t.ok(status === 500 || status === 503, String(status))
    }
  })

  for (const how of ['settles late', 'fails late']) {
    t.test(`handlerTimeout expires while ${method}() is pending, it ${how} while a slow onError hook runs (${request}) -> one 503, and the process goes on`, async (t) => {
      const { status } = await sendTo(t, hosts['a host with handlerTimeout'], request, { [method]: how === 'fails late' ? how : 'waits', onError: 'waits longer' })
      t.equal(status, 503)
    })
  }
}

for (const request of ['generate', 'get settings', 'change settings'] as const) {
  for (const kind of ['preSerialization', 'onSend'] as const) {
    // The response of a settings change has no body to serialize.
    if (request === 'change settings' && kind === 'preSerialization') continue

    // Once a body was read, Fastify's handlerTimeout does not expire any more.
    for (const how of request === 'change settings' ? [] : ['waits', 'calls back late', 'fails late']) {
      t.test(`handlerTimeout expires while an ${kind} hook ${how} (${request}) -> a 503 in the shape of errors`, async (t) => {
        const response = await sendTo(t, hosts['a host with handlerTimeout'], request, { [kind]: how })
        t.equal(response.status, 503)
        isApiError(t, response)
      })
    }

    for (const how of ['throws', 'rejects', 'rejects with what is unreadable', 'calls back with an error', 'throws in a callback hook', 'sets an invalid header']) {
      t.test(`an ${kind} hook ${how}, for the error response too (${request}) -> a 500 in the shape of errors`, async (t) => {
        const response = await sendTo(t, hosts['a host'], request, { [kind]: how })
        t.equal(response.status, 500)
        isApiError(t, response)
      })
    }
  }
}

for (const how of ['throws', 'rejects with what is unreadable', 'calls back with an error', 'sets an invalid header']) {
  t.test(`an onSend hook ${how} for a 401 -> a 500 in the shape of errors`, async (t) => {
    const response = await sendTo(t, hosts['a host'], 'generate without credentials', { onSend: how })
    t.equal(response.status, 500)
    isApiError(t, response)
  })
}

for (const [kind, how] of [['onSend', 'waits'], ['onSend', 'calls back late'], ['preSerialization', 'waits'], ['onError', 'waits']] as const) {
  t.test(`handlerTimeout expires while an ${kind} hook ${how} for a 401 -> a 503 in the shape of errors`, async (t) => {
    const response = await sendTo(t, hosts['a host with handlerTimeout'], 'generate without credentials', { [kind]: how })
    t.equal(response.status, 503)
    isApiError(t, response)
  })
}

t.test('all that was late has happened -> the processes go on', async (t) => {
  for (const host of Object.values(hosts)) t.ok(await isAlive(host, '/alive/later'))
})
