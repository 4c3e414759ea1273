import pg from 'pg'
import t, { type Test } from 'tap'
import { adminToken, startExampleHost } from '../helpers/example-host.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { connectProvider, errorOf, groupSchema, patchOp as patch, userSchema } from '../helpers/scim-provider.ts'

const postgres = await startPostgres()
t.teardown(() => postgres.stop())

const user = { schemas: [userSchema] }
const group = { schemas: [groupSchema] }

/** Starts a host on an empty database of one server, with a provider that sends its token. */
async function startProvider (t: Test) {
  const database = `scim_${++databases}`
  await query(postgres.url, `create database ${database}`)
  const databaseUrl = postgres.url.replace(/postgres$/, database)
  return { databaseUrl, ...await connectProvider(await startExampleHost(t, { DATABASE_URL: databaseUrl })) }
}

let databases = 0

async function query (url: string, text: string): Promise<object[]> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query(text).finally(() => client.end())
  return rows
}

t.test('the discovery endpoints -> what SCIM supports, with the bearer token as its authentication', async (t) => {
  const { send } = await startProvider(t)
  const config = await send('GET', '/ServiceProviderConfig')
  t.match(config, { status: 200, type: /^application\/scim\+json/ })
  t.strictSame(config.body.authenticationSchemes.map(({ type }: { type: string }) => type), ['oauthbearertoken'])
  t.match(config.body, { patch: { supported: true }, filter: { supported: true, maxResults: 200 }, bulk: { supported: false }, changePassword: { supported: false } })

  const ids = async (resource: string) => (await send('GET', resource)).body.Resources.map(({ id }: { id: string }) => id)
  t.strictSame(await ids('/ResourceTypes'), ['User', 'Group'])
  t.match((await send('GET', '/ResourceTypes/Group')).body, { endpoint: '/Groups' })
  t.equal((await send('GET', '/ServiceProviderConfig?attributes=,&sortBy=x&startIndex=one')).status, 200, 'parameters of a list are ignored')
  for (const id of await ids('/Schemas')) t.match((await send('GET', `/Schemas/${id}`)).body, { id })
})

t.test('any SCIM request without the token -> 401', async (t) => {
  const { app } = await startProvider(t)
  for (const resource of ['/Users', '/Users/1', '/Groups', '/ServiceProviderConfig', '/Schemas', '/ResourceTypes', '/Unknown', '']) {
    for (const headers of [{}, { authorization: adminToken }, { authorization: 'Bearer scim_wrong' }]) {
      const response = await app.inject({ url: `/scim${resource}`, headers })
      t.match({ ...response.json(), type: response.headers['content-type'] }, { ...errorOf(401), type: /^application\/scim\+json/ }, `${resource} ${JSON.stringify(headers)}`)
    }
  }
})

t.test('SCIM is disabled -> 401; enabled again -> the same token is accepted', async (t) => {
  const { app, send } = await startProvider(t)
  const statuses = []
  for (const enabled of [false, true]) {
    await app.inject({ method: 'POST', url: '/api/admin/scim-settings', headers: { authorization: adminToken }, body: { enabled } })
    statuses.push((await send('GET', '/Users')).status)
  }
  t.strictSame(statuses, [401, 200])
})

t.test('a list with a filter, a page or attributes -> only these resources and attributes', async (t) => {
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
  t.strictSame(Object.keys((await send('GET', '/Users?attributes=userName')).body.Resources[0]), ['schemas', 'id', 'userName'])
})

t.test('a resource is written -> it is read as it was last written, with its location', async (t) => {
  const { send } = await startProvider(t)
  const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
  const created = await send('POST', '/Users', { ...user, userName: 'ada', [enterprise]: { department: 'Research' } })
  const resource = `/Users/${created.body.id}`
  t.match(created, { status: 201, location: `/scim${resource}`, body: { meta: { location: `/scim${resource}` }, [enterprise]: { department: 'Research' } } })

  const change = patch({ op: 'replace', path: `${enterprise}:department`, value: 'Computing' })
  t.match(await send('PATCH', resource, change), { status: 200, body: { [enterprise]: { department: 'Computing' } } })
  t.match(await send('PATCH', resource, change), { status: 204 }, 'a PATCH that changes nothing')
  t.match(await send('PUT', resource, { ...user, userName: 'lovelace' }, 'application/json'), { status: 200, body: { userName: 'lovelace', [enterprise]: undefined } })
  t.match(await send('GET', resource), { status: 200, body: { id: created.body.id, userName: 'lovelace' } })
  t.match(await send('DELETE', resource), { status: 204 }, 'with a content type and no body, as clients do')
  t.match(await send('GET', resource), { status: 404 })
})

t.test('a faulty request -> the SCIM error of RFC 7644', async (t) => {
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
    { request: ['GET', '/ServiceProviderConfig?filter=patch'], error: errorOf(403) },
    { request: ['GET', '/Schemas?filter=name%20pr'], error: errorOf(403) },
    { request: ['GET', '/ResourceTypes/User?filter=name'], error: errorOf(403) },
    { request: ['GET', '/Users?attributes=,'], error: errorOf(400, 'invalidFilter') },
    { request: ['GET', '/Users?excludedAttributes='], error: errorOf(400, 'invalidFilter') },
    { request: ['GET', '/Users/absent'], error: errorOf(404) },
    { request: ['PUT', '/Users/absent', { ...user, userName: 'absent' }], error: errorOf(404) },
    { request: ['PATCH', '/Users/absent', patch({ op: 'replace', path: 'active', value: true })], error: errorOf(404) },
    { request: ['PATCH', `/Users/${id}`, patch({ op: 'turn' })], error: errorOf(400, 'invalidSyntax') },
    { request: ['DELETE', '/Groups/absent'], error: errorOf(404) },
    { request: ['GET', '/Bulk'], error: errorOf(501) }
  ] as const) {
    const response = await send(method, resource, body, contentType)
    t.match(response, { status: Number(error.status), type: /^application\/scim\+json/, body: error }, `${method} ${resource} ${JSON.stringify(body)}`)
  }
})

t.test('30 members are added to one group at once -> all are members', async (t) => {
  const { send } = await startProvider(t)
  const { body: { id } } = await send('POST', '/Groups', { ...group, displayName: 'Everybody' })
  const members = Array.from({ length: 30 }, (_, i) => ({ value: `user-${i}` }))
  const responses = await Promise.all(members.map((member) => send('PATCH', `/Groups/${id}`, patch({ op: 'add', path: 'members', value: [member] }))))
  t.strictSame(new Set(responses.map(({ status }) => status)), new Set([200]))

  const { body } = await send('GET', `/Groups/${id}`)
  t.strictSame(new Set(body.members.map(({ value }: { value: string }) => value)), new Set(members.map(({ value }) => value)))
})

t.test('two hosts in one process -> each has its own users', async (t) => {
  const [one, other] = [await startProvider(t), await startProvider(t)]
  await one.send('POST', '/Users', { ...user, userName: 'ada' })
  t.match((await one.send('GET', '/Users')).body, { totalResults: 1 })
  t.match((await other.send('GET', '/Users')).body, { totalResults: 0 })
  t.match((await other.send('GET', '/ServiceProviderConfig')).body.authenticationSchemes, { length: 1 })
})

t.test('a password is sent -> it is not stored', async (t) => {
  const { send, databaseUrl } = await startProvider(t)
  t.match(await send('POST', '/Users', { ...user, userName: 'ada', password: 'difference-engine' }), { status: 201 })
  t.notMatch(JSON.stringify(await query(databaseUrl, 'select * from scim_users')), 'difference-engine')
})

t.test('the database fails -> 500 without internals, never 404', async (t) => {
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
    const response = await send(method, resource, body)
    t.match(response, { status: 500, body: errorOf(500) }, method)
    t.notMatch(JSON.stringify(response.body), 'scim_users')
  }
})
