import pg from 'pg'
import t, { type Test } from 'tap'
import { generatePath as path } from '../helpers/host.ts'
import { adminToken, startExampleHost } from '../helpers/example-host.ts'
import { startPostgres } from '../helpers/postgres.ts'

const postgres = await startPostgres()
t.teardown(() => postgres.stop())

const user = { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'] }
const group = { schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'] }
const patch = (...Operations: object[]) => ({ schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations })
const errorOf = (status: number, scimType?: string) => ({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: String(status), scimType, detail: String
})

/** Starts a host on an empty database, with a provider that sends its token. */
async function startProvider (t: Test) {
  const database = `scim_${++databases}`
  await query(postgres.url, `create database ${database}`)
  const databaseUrl = postgres.url.replace(/postgres$/, database)
  const { app, url } = await startExampleHost(t, { DATABASE_URL: databaseUrl })
  const generated = await app.inject({ method: 'POST', url: path, headers: { authorization: adminToken } })
  const authorization = `Bearer ${generated.json().token}`

  async function send (method: string, resource: string, body?: object | string, contentType = 'application/scim+json') {
    const response = await fetch(`${url}/scim${resource}`, {
      method,
      headers: { authorization, 'content-type': contentType },
      body: typeof body === 'object' ? JSON.stringify(body) : body ?? null
    })
    const text = await response.text()
    return { status: response.status, type: response.headers.get('content-type'), location: response.headers.get('location'), body: text === '' ? undefined : JSON.parse(text) }
  }
  return { app, url, databaseUrl, authorization, send }
}

let databases = 0

async function query (url: string, text: string): Promise<object[]> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query(text).finally(() => client.end())
  return rows
}

t.test('SCIM describes itself, and names the bearer token as its authentication', async (t) => {
  const { send } = await startProvider(t)
  const config = await send('GET', '/ServiceProviderConfig')
  t.match(config, { status: 200, type: /^application\/scim\+json/ })
  t.strictSame(config.body.authenticationSchemes.map(({ type }: { type: string }) => type), ['oauthbearertoken'])
  t.match(config.body, { patch: { supported: true }, filter: { supported: true, maxResults: 200 }, bulk: { supported: false }, changePassword: { supported: false } })

  const ids = async (resource: string) => (await send('GET', resource)).body.Resources.map(({ id }: { id: string }) => id)
  t.strictSame(await ids('/ResourceTypes'), ['User', 'Group'])
  t.match((await send('GET', '/ResourceTypes/Group')).body, { endpoint: '/Groups' })
  for (const id of await ids('/Schemas')) t.match((await send('GET', `/Schemas/${id}`)).body, { id })
})

t.test('nobody without the token gets anything', async (t) => {
  const { app } = await startProvider(t)
  for (const resource of ['/Users', '/Users/1', '/Groups', '/ServiceProviderConfig', '/Schemas', '/ResourceTypes', '/Unknown', '']) {
    for (const headers of [{}, { authorization: adminToken }, { authorization: 'Bearer scim_wrong' }]) {
      const response = await app.inject({ url: `/scim${resource}`, headers })
      t.match({ ...response.json(), type: response.headers['content-type'] }, { ...errorOf(401), type: /^application\/scim\+json/ }, `${resource} ${JSON.stringify(headers)}`)
    }
  }
})

t.test('disabling SCIM shuts the provider out, and enabling it lets the same token in', async (t) => {
  const { app, send } = await startProvider(t)
  const statuses = []
  for (const enabled of [false, true]) {
    await app.inject({ method: 'POST', url: '/api/admin/scim-settings', headers: { authorization: adminToken }, body: { enabled } })
    statuses.push((await send('GET', '/Users')).status)
  }
  t.strictSame(statuses, [401, 200])
})

t.test('a list has the resources that match, a page at a time and only the attributes asked for', async (t) => {
  const { send } = await startProvider(t)
  for (const userName of ['ada', 'grace', 'hedy', 'joan']) {
    await send('POST', '/Users', { ...user, userName, active: userName !== 'joan', emails: [{ value: `${userName}@example.com`, type: 'work' }] })
  }
  const names = async (parameters: Record<string, string>) => {
    const { body } = await send('GET', `/Users?${new URLSearchParams(parameters)}`)
    return [body.totalResults, ...body.Resources.map(({ userName }: { userName: string }) => userName)]
  }
  t.strictSame(await names({}), [4, 'ada', 'grace', 'hedy', 'joan'])
  t.strictSame(await names({ filter: 'active eq true and userName sw "h"' }), [1, 'hedy'])
  t.strictSame(await names({ filter: 'emails[type eq "work" and value co "grace"]' }), [1, 'grace'])
  t.strictSame(await names({ startIndex: '2', count: '2' }), [4, 'grace', 'hedy'])
  t.strictSame(await names({ sortBy: 'userName', sortOrder: 'descending', count: '1' }), [4, 'joan'])
  t.strictSame((await send('GET', '/Users?count=1000')).body.itemsPerPage, 4)
  t.strictSame(Object.keys((await send('GET', '/Users?attributes=userName')).body.Resources[0]), ['id', 'userName'])
})

t.test('a resource is what was last written, and has its address', async (t) => {
  const { send } = await startProvider(t)
  const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
  const created = await send('POST', '/Users', { ...user, userName: 'ada', [enterprise]: { department: 'Research' } })
  const resource = `/Users/${created.body.id}`
  t.match(created, { status: 201, location: `/scim${resource}`, body: { meta: { location: `/scim${resource}` }, [enterprise]: { department: 'Research' } } })

  const change = patch({ op: 'replace', path: `${enterprise}:department`, value: 'Computing' })
  t.match(await send('PATCH', resource, change), { status: 200, body: { [enterprise]: { department: 'Computing' } } })
  t.match(await send('PATCH', resource, change), { status: 204 }, 'a change that changes nothing')
  t.match(await send('PUT', resource, { ...user, userName: 'lovelace' }, 'application/json'), { status: 200, body: { userName: 'lovelace', [enterprise]: undefined } })
  t.match(await send('GET', resource), { status: 200, body: { id: created.body.id, userName: 'lovelace' } })
  t.match(await send('DELETE', resource), { status: 204 }, 'with a content type and no body, as clients do')
  t.match(await send('GET', resource), { status: 404 })
})

t.test('a fault of the provider is answered as SCIM has it', async (t) => {
  const { send } = await startProvider(t)
  const { body: { id } } = await send('POST', '/Users', { ...user, userName: 'ada' })
  await send('POST', '/Users', { ...user, userName: 'grace' })

  for (const { request: [method, resource, body, contentType], error } of [
    { request: ['POST', '/Users', { ...user, userName: 'ADA' }], error: errorOf(409, 'uniqueness') },
    { request: ['PUT', `/Users/${id}`, { ...user, userName: 'grace' }], error: errorOf(409, 'uniqueness') },
    { request: ['POST', '/Users', user], error: errorOf(400, 'invalidValue') },
    { request: ['POST', '/Users', { ...user, userName: 'a\0' }], error: errorOf(400, 'invalidValue') },
    { request: ['POST', '/Users'], error: errorOf(400, 'invalidSyntax') },
    { request: ['POST', '/Users', '{"userName":'], error: errorOf(400) },
    { request: ['POST', '/Users', '<user/>', 'text/xml'], error: errorOf(415) },
    { request: ['GET', '/Users?filter=userName%20is%20ada'], error: errorOf(400, 'invalidFilter') },
    { request: ['GET', '/Users?filter=userName'], error: errorOf(400, 'invalidFilter') },
    { request: ['GET', '/Users?startIndex=one'], error: errorOf(400) },
    { request: ['GET', '/ServiceProviderConfig?filter=patch%20pr'], error: errorOf(403) },
    { request: ['GET', '/Users/absent'], error: errorOf(404) },
    { request: ['PUT', '/Users/absent', { ...user, userName: 'absent' }], error: errorOf(404) },
    { request: ['PATCH', '/Users/absent', patch({ op: 'replace', path: 'active', value: true })], error: errorOf(404) },
    { request: ['PATCH', `/Users/${id}`, patch({ op: 'turn' })], error: errorOf(400, 'invalidSyntax') },
    { request: ['DELETE', '/Groups/absent'], error: errorOf(404) },
    { request: ['GET', '/Bulk'], error: errorOf(404) }
  ] as const) {
    const answer = await send(method, resource, body, contentType)
    t.match(answer, { status: Number(error.status), type: /^application\/scim\+json/, body: error }, `${method} ${resource} ${JSON.stringify(body)}`)
  }
})

t.test('of many changes to one group at once, none is lost', async (t) => {
  const { send } = await startProvider(t)
  const { body: { id } } = await send('POST', '/Groups', { ...group, displayName: 'Everybody' })
  const members = Array.from({ length: 30 }, (_, i) => ({ value: `user-${i}` }))
  const answers = await Promise.all(members.map((member) => send('PATCH', `/Groups/${id}`, patch({ op: 'add', path: 'members', value: [member] }))))
  t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]))

  const { body } = await send('GET', `/Groups/${id}`)
  t.strictSame(new Set(body.members.map(({ value }: { value: string }) => value)), new Set(members.map(({ value }) => value)))
})

t.test('two hosts in one process have their own users', async (t) => {
  const [one, other] = [await startProvider(t), await startProvider(t)]
  await one.send('POST', '/Users', { ...user, userName: 'ada' })
  t.match((await one.send('GET', '/Users')).body, { totalResults: 1 })
  t.match((await other.send('GET', '/Users')).body, { totalResults: 0 })
  t.match((await other.send('GET', '/ServiceProviderConfig')).body.authenticationSchemes, { length: 1 })
})

t.test('a password that a provider sends is not stored', async (t) => {
  const { send, databaseUrl } = await startProvider(t)
  t.match(await send('POST', '/Users', { ...user, userName: 'ada', password: 'difference-engine' }), { status: 201 })
  t.notMatch(JSON.stringify(await query(databaseUrl, 'select * from scim_users')), 'difference-engine')
})

t.test('while the database fails, no user is said to be gone, and nothing internal is told', async (t) => {
  const { send, databaseUrl } = await startProvider(t)
  const { body: { id } } = await send('POST', '/Users', { ...user, userName: 'ada' })
  await query(databaseUrl, 'alter table scim_users rename to scim_users_away')
  for (const [method, resource, body] of [
    ['GET', '/Users'],
    ['GET', `/Users/${id}`],
    ['PUT', `/Users/${id}`, { ...user, userName: 'ada' }],
    ['PATCH', `/Users/${id}`, patch({ op: 'replace', path: 'active', value: true })],
    ['DELETE', `/Users/${id}`]
  ] as const) {
    const answer = await send(method, resource, body)
    t.match(answer, { status: 500, body: errorOf(500) }, method)
    t.notMatch(JSON.stringify(answer.body), 'scim_users')
  }
})
