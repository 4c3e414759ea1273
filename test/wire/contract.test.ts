import { createHash } from 'node:crypto'
import t from 'tap'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, generateOverSocket, startHost, viewer, type HostSetup } from '../helpers/host.ts'
import { listen } from '../helpers/raw-http.ts'
import { uuid } from '../helpers/uuid.ts'

const json = 'application/json; charset=utf-8'

t.test('an admin generates a token -> 200 with the token and Cache-Control: no-store, and its hash is stored', async (t) => {
  const { app, replaced } = await startHost(t)
  const response = await generateOverSocket(await listen(app), admin)

  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), json)
  t.equal(response.headers.get('cache-control'), 'no-store')
  const body = JSON.parse(response.body)
  t.matchOnly(body, { token: /^scim_[0-9A-Za-z]{49}$/ })
  t.matchOnly(replaced, [{ hash: createHash('sha256').update(body.token).digest('hex'), createdAt: Date }])
})

const rejections: { when: string, headers: Record<string, string>, setup?: HostSetup, status: number, name: string, message: RegExp }[] = [
  {
    when: 'no credentials',
    headers: {},
    status: 401,
    name: 'AuthenticationRequired',
    message: /had no authorization header and no cookie\. Log in at \/auth\/simple\/login\.$/
  },
  {
    when: 'unknown credentials',
    headers: { authorization: 'bogus' },
    status: 401,
    name: 'AuthenticationRequired',
    message: /credentials of the request are not accepted/
  },
  {
    when: 'a user without the permissions',
    headers: viewer,
    status: 403,
    name: 'NoAccessError',
    message: /permissions to do this: ADMIN, UPDATE_AUTH_CONFIGURATION\.$/
  },
  {
    when: 'an admin on a page of another origin',
    headers: { ...admin, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    status: 403,
    name: 'NoAccessError',
    message: /another origin/
  },
  {
    when: 'no SCIM settings',
    headers: admin,
    setup: { store: memoryStore({ configured: false }) },
    status: 404,
    name: 'NotFoundError',
    message: /no SCIM settings/
  }
]

for (const { when, headers, setup, status, name, message } of rejections) {
  t.test(`${when} -> ${status} ${name}`, async (t) => {
    const { app, log } = await startHost(t, setup)
    const response = await generateOverSocket(await listen(app), headers)

    t.equal(response.status, status)
    t.equal(response.headers.get('content-type'), json)
    t.equal(response.headers.get('www-authenticate'), status === 401 ? 'Bearer' : null)
    const body = JSON.parse(response.body)
    t.matchOnly(body, { id: uuid, name, message })
    t.match(log.filter(({ errorId }) => errorId === body.id), [{ level: 30, msg: body.message }], 'the error id is in one log line')
  })
}

t.test('20 errors -> 20 different ids', async (t) => {
  const { app } = await startHost(t)
  const url = await listen(app)
  const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await generateOverSocket(url, viewer)).body))
  t.equal(new Set(bodies.map((body) => JSON.parse(body).id)).size, 20)
})
