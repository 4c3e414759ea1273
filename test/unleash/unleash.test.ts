import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { buildHost } from '../../examples/unleash/app.ts'
import { firstAdmin, startUnleash } from '../../examples/unleash/unleash-process.ts'
import { freePort } from '../helpers/free-port.ts'
import { startPausableProxy } from '../helpers/pausable-proxy.ts'
import { authentikRequests } from '../helpers/scim-authentik.ts'
import { entraRequests } from '../helpers/scim-entra.ts'
import { oktaRequests } from '../helpers/scim-okta.ts'
import { createProvider } from '../helpers/scim-provider.ts'
import { newAddress, sendTo, setPassword, startAll, tryLogIn, until, type Received } from './start.ts'

const userSchema = 'urn:ietf:params:scim:schemas:core:2.0:User'
const groupSchema = 'urn:ietf:params:scim:schemas:core:2.0:Group'
const settings = '/api/admin/scim-settings'
const userAdmin = '/api/admin/user-admin'
const roles = { Admin: 1, Editor: 2, Viewer: 3 }

const running = await startAll(t, { SCIM_ROOT_ROLES: '{"flag-editors":"Editor"}' })
const { url, db, send, logIn, unleash, config } = running
const admin = { cookie: await logIn(firstAdmin.username) }
const token = await enableScim()

async function enableScim (): Promise<string> {
  await send(settings, { method: 'POST', headers: admin, body: { enabled: true } })
  return (await send(`${settings}/generate-new-token`, { method: 'POST', headers: admin })).json.token
}

/** Sends a request of the identity provider. */
async function scim (method: string, path: string, body?: object): Promise<Received> {
  return await send(`/scim${path}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' }, ...(body !== undefined && { body: JSON.stringify(body) }) })
}

async function patch (path: string, ...Operations: object[]): Promise<Received> {
  return await scim('PATCH', path, { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations })
}

async function create (userName: string, attributes: object = {}): Promise<any> {
  const { status, json, text } = await scim('POST', '/Users', { schemas: [userSchema], userName, ...attributes })
  if (status !== 201) throw new Error(`${userName}: ${status} ${text}`)
  return json
}

async function createGroup (displayName: string, ...members: { id: string }[]): Promise<any> {
  const { status, json, text } = await scim('POST', '/Groups', { schemas: [groupSchema], displayName, members: members.map(({ id }) => ({ value: id })) })
  if (status !== 201) throw new Error(`${displayName}: ${status} ${text}`)
  return json
}

/** Creates a user by hand, as an admin does. */
async function createByHand (email: string, role: keyof typeof roles): Promise<any> {
  const { json } = await send(userAdmin, { method: 'POST', headers: admin, body: { email, name: 'By Hand', rootRole: roles[role], sendEmail: false } })
  await setPassword(db, email)
  return json
}

/** Creates a user who can log in. */
async function createWithPassword (email: string): Promise<any> {
  const user = await create(email)
  await setPassword(db, email)
  return user
}

/** Returns the user as Unleash's list of users has it. */
async function inUnleash (email: string): Promise<any> {
  const { json } = await send(userAdmin, { headers: admin })
  return json.users.find((user: { email?: string }) => user.email === email)
}

/** Runs work and returns the events that were added meanwhile. */
async function eventsOf (work: () => Promise<unknown>): Promise<any[]> {
  const { rows: [last] } = await db.query('select max(id) as id from events')
  await work()
  const { rows } = await db.query('select type, created_by, created_by_user_id, data, pre_data from events where id > $1 order by id', [last.id])
  return rows
}

/** Creates a flag; 403 without the permission. */
let flags = 0
async function createFlag (cookie: string): Promise<number> {
  return (await send('/api/admin/projects/default/features', { method: 'POST', headers: { cookie }, body: { name: `flag-${flags++}`, type: 'release' } })).status
}

async function createToken (cookie: string): Promise<string> {
  const { json } = await send('/api/admin/user/tokens', { method: 'POST', headers: { cookie }, body: { description: `token ${flags++}`, expiresAt: '2100-01-01T00:00:00.000Z' } })
  return json.secret
}

const whoAmI = async (headers: { cookie: string } | { authorization: string }) => (await send('/api/admin/user', { headers })).status

for (const [provider, sendRequests] of [['Okta', oktaRequests], ['Entra ID', entraRequests], ['authentik', authentikRequests]] as const) {
  t.test(`the requests of ${provider} -> as the example host responds to them`, async (t) => {
    await sendRequests(t, createProvider(running, `Bearer ${token}`))
  })

  t.test(`what ${provider} has created is deleted -> nothing of it is left`, async (t) => {
    t.equal((await send(`${userAdmin}/scim-users`, { method: 'DELETE', headers: admin })).status, 200)
    for (const { id } of (await scim('GET', '/Groups')).json.Resources) await scim('DELETE', `/Groups/${id}`)
    t.equal((await db.query('select from scim_attributes')).rowCount, 0)
  })
}

t.test('SCIM without a token -> 401 and an unknown path -> 404, both as SCIM JSON and not the HTML of the admin UI', async (t) => {
  for (const path of ['/scim/Users', '/scim/Groups/1', '/scim/x', '/scim', '/scim/']) {
    const { status, headers, json } = await send(path)
    t.match([status, headers['content-type'], json], [401, /^application\/scim\+json/, { status: '401' }], path)
  }
  for (const path of ['/x', '/Users/x/y', '', '/', '/%zz']) {
    const { status, headers, json } = await scim('GET', path)
    const expected = path === '/%zz' ? 400 : 404
    t.match([status, headers['content-type'], json], [expected, /^application\/scim\+json/, { status: String(expected) }], path)
  }
  t.match(await send('/'), { status: 200, text: /<!DOCTYPE html>/i }, 'other paths are those of Unleash')
})

t.test('generating a token -> only for an admin with a session or a personal access token, from the same origin', async (t) => {
  await createByHand('editor@example.com', 'Editor')
  const editor = { cookie: await logIn('editor@example.com') }
  const adminToken = { authorization: await createToken(admin.cookie) }
  const editorToken = { authorization: await createToken(editor.cookie) }
  const sdk = await send('/api/admin/api-tokens', { method: 'POST', headers: admin, body: { tokenName: 'sdk', type: 'client', environment: 'development', projects: ['*'] } })
  const generate = async (headers: object) => (await send(`${settings}/generate-new-token`, { method: 'POST', headers: { ...headers } })).status

  const before = (await db.query("select content::text from settings where name = 'scim'")).rows
  t.equal(await generate({}), 401, 'no session')
  t.equal(await generate({ cookie: 'unleash-session=s%3Awrong.wrong' }), 401, 'an unknown session')
  t.equal(await generate({ authorization: 'user:wrong' }), 401, 'an unknown token')
  t.equal(await generate({ authorization: sdk.json.secret }), 401, 'the token of an SDK')
  t.equal(await generate({ authorization: `Bearer ${token}` }), 401, 'the SCIM token')
  t.equal(await generate(editor), 403)
  t.equal(await generate(editorToken), 403)
  t.equal(await generate({ ...admin, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }), 403)
  t.equal(await generate({ ...admin, origin: 'https://evil.example' }), 403)
  t.strictSame((await db.query("select content::text from settings where name = 'scim'")).rows, before, 'nothing was changed')

  const events = await eventsOf(async () => {
    t.equal(await generate({ ...admin, origin: url, 'sec-fetch-site': 'same-origin' }), 200)
    t.equal(await generate(adminToken), 200)
  })
  t.match(events, [1, 2].map(() => ({ type: 'setting-updated', created_by: 'admin', created_by_user_id: 1, data: { id: 'scim', tokenCreatedAt: String } })))
  t.equal(events.length, 2)
  t.equal((await scim('GET', '/Users')).status, 401, 'the earlier token is not valid any more')
  // The tests go on with the token that they have.
  await db.query("update settings set content = $1 where name = 'scim'", [before[0].content])
  t.equal((await scim('GET', '/Users')).status, 200)
})

t.test('the stored token -> a hash alone, and Unleash itself says that SCIM is enabled', async (t) => {
  const { rows: [{ content }] } = await db.query("select content::text from settings where name = 'scim'")
  t.notMatch(content, token)
  t.match(content, createHash('sha256').update(token).digest('hex'))
  const { rows } = await db.query('select data::text, pre_data::text from events')
  t.notMatch(JSON.stringify(rows), /scim_[0-9A-Za-z]{20}|[0-9a-f]{64}/)
  t.match((await send('/api/admin/instance-admin/statistics', { headers: admin })).json, { SCIMenabled: true })
  t.match((await send(settings, { headers: admin })).json, { enabled: true, hasToken: true })
  t.strictSame((await send('/api/admin/ui-config', { headers: admin })).json.environment, 'Open Source', 'it does not claim to be the Enterprise edition')
})

t.test('a user is created -> a Viewer with the e-mail address in lower case, and one event', async (t) => {
  let user: any
  const events = await eventsOf(async () => { user = await create('Grace.Hopper@Example.com', { name: { givenName: 'Grace', familyName: 'Hopper' }, externalId: 'x-1', active: true }) })
  t.match(user, { id: String, userName: 'Grace.Hopper@Example.com', active: true, externalId: 'x-1' })
  const account = await inUnleash('grace.hopper@example.com')
  t.match(account, { name: 'Grace Hopper', scimId: user.id, rootRole: roles.Viewer })
  t.match(events, [{ type: 'user-created', created_by: 'scim', created_by_user_id: -1337, data: { id: account.id, email: 'grace.hopper@example.com' } }])
  t.equal(events.length, 1)
  const { rows: [row] } = await db.query('select email_hash, created_at from users where id = $1', [account.id])
  t.equal(row.email_hash, createHash('sha256').update('grace.hopper@example.com').digest('hex'))
  t.ok(Math.abs(new Date(account.createdAt).getTime() - Date.now()) < 60_000, 'the time is UTC, as Unleash reads it')

  t.match(await scim('POST', '/Users', { schemas: [userSchema], userName: 'GRACE.hopper@EXAMPLE.COM' }), { status: 409, json: { scimType: 'uniqueness' } })
  const parallel = await Promise.all(Array.from({ length: 20 }, (_, i) => scim('POST', '/Users', { schemas: [userSchema], userName: i % 2 ? 'twenty@example.com' : 'TWENTY@example.com' })))
  t.strictSame(parallel.map(({ status }) => status).sort(), [201, ...Array.from({ length: 19 }, () => 409)])
})

t.test('a user whose account exists -> it is adopted with its id and role, but never one of an Admin or a service account', async (t) => {
  const editor = await createByHand('known@example.com', 'Editor')
  let adopted: any
  const events = await eventsOf(async () => { adopted = await create('Known@example.com', { displayName: 'Known Editor' }) })
  t.match(await inUnleash('known@example.com'), { id: editor.id, scimId: adopted.id, rootRole: roles.Editor, name: 'Known Editor' })
  t.match(events, [{ type: 'user-updated', created_by: 'scim' }])
  t.equal(events.length, 1)

  await createByHand('boss@example.com', 'Admin')
  await createByHand('boss-by-group@example.com', 'Viewer')
  await createByHand('removed-service@example.com', 'Viewer')
  await db.query("update users set is_service = true where email = 'removed-service@example.com'")
  await db.query(`
    with admins as (insert into groups (name, root_role_id) values ('admins', 1) returning id)
    insert into group_user (group_id, user_id) select admins.id, users.id from admins, users where email = 'boss-by-group@example.com'`)
  for (const userName of ['boss@example.com', 'BOSS@example.com', 'boss-by-group@example.com', 'removed-service@example.com', 'admin', 'Admin', 'unleash_system_user']) {
    const before = (await db.query('select * from users order by id')).rows
    t.match(await scim('POST', '/Users', { schemas: [userSchema], userName, displayName: 'Taken over', active: false }), { status: 409, json: { scimType: 'uniqueness' } }, userName)
    t.strictSame((await db.query('select * from users order by id')).rows, before)
    t.equal((await patch(`/Users/${adopted.id}`, { op: 'replace', path: 'userName', value: userName })).status, 409, `renamed to ${userName}`)
    t.strictSame((await db.query('select * from users order by id')).rows, before)
  }
  t.equal(await whoAmI(admin), 200)
})

t.test('attributes are changed -> Unleash shows the new name, and what it has no column for reads back', async (t) => {
  const { id } = await create('ada@example.com', { name: { givenName: 'Ada', familyName: 'Byron' }, displayName: 'Ada Byron', title: 'Countess', externalId: 'x-2' })
  const events = await eventsOf(async () => {
    const { status } = await patch(`/Users/${id}`, { op: 'replace', path: 'name.familyName', value: 'Lovelace' })
    t.equal(status, 200)
    await patch(`/Users/${id}`, { op: 'replace', path: 'name.familyName', value: 'Lovelace' })
  })
  t.match(await inUnleash('ada@example.com'), { name: 'Ada Lovelace' })
  t.match((await scim('GET', `/Users/${id}`)).json, { userName: 'ada@example.com', name: { givenName: 'Ada', familyName: 'Lovelace' }, title: 'Countess', externalId: 'x-2' })
  t.match(events, [{ type: 'user-updated', created_by: 'scim', pre_data: { name: 'Ada Byron' }, data: { name: 'Ada Lovelace' } }])
  t.equal(events.length, 1, 'a change that changes nothing has no event')

  t.equal((await patch(`/Users/${id}`, { op: 'replace', path: 'userName', value: 'Ada.Lovelace@example.com' })).status, 200)
  t.match(await inUnleash('ada.lovelace@example.com'), { scimId: id })
  t.match((await scim('GET', `/Users?filter=${encodeURIComponent('userName eq "ADA.lovelace@example.com"')}`)).json, { totalResults: 1, Resources: [{ id, userName: 'Ada.Lovelace@example.com' }] })
  t.match((await scim('GET', `/Users?filter=${encodeURIComponent('externalId eq "x-2"')}`)).json, { totalResults: 1, Resources: [{ id }] })
})

t.test('a group with a role in a project -> its members have it, and lack it from the next request after they are removed', async (t) => {
  const user = await createWithPassword('member@example.com')
  const cookie = await logIn('member@example.com')
  t.equal(await createFlag(cookie), 403, 'a Viewer')

  let group: any
  const events = await eventsOf(async () => { group = await createGroup('builders', user) })
  t.match(events, [{ type: 'group-created', created_by: 'scim', data: { name: 'builders', users: [Number] } }])
  t.equal(events.length, 1)
  await db.query("insert into group_role (group_id, role_id, project) select id, 5, 'default' from groups where scim_id = $1", [group.id])
  t.equal(await createFlag(cookie), 201)

  const removal = await eventsOf(async () => { t.ok((await patch(`/Groups/${group.id}`, { op: 'remove', path: `members[value eq "${user.id}"]` })).status < 300) })
  t.equal(await createFlag(cookie), 403)
  t.match(removal, [{ type: 'group-updated', pre_data: { users: [Number] }, data: { users: [] } }])
  t.equal(removal.length, 1)

  for (const member of ['unknown', '1', `${user.id}x`]) {
    t.match(await patch(`/Groups/${group.id}`, { op: 'add', path: 'members', value: [{ value: user.id }, { value: member }] }), { status: 400, json: { scimType: 'invalidValue' } }, member)
  }
  t.notOk((await scim('GET', `/Groups/${group.id}`)).json.members, 'a rejected change changes nothing')
  t.equal((await scim('POST', '/Groups', { schemas: [groupSchema], displayName: 'Builders' })).status, 409)
  t.equal((await scim('POST', '/Groups', { schemas: [groupSchema], displayName: 'admins' })).status, 409, 'a group that was made by hand')
  const racing = await Promise.all(Array.from({ length: 10 }, () => scim('POST', '/Groups', { schemas: [groupSchema], displayName: 'racing' })))
  t.strictSame(racing.map(({ status }) => status).sort(), [201, ...Array.from({ length: 9 }, () => 409)])
  t.equal((await scim('DELETE', `/Groups/${group.id}`)).status, 204)
  t.equal((await scim('GET', `/Groups/${group.id}`)).status, 404)
})

t.test('a group of SCIM_ROOT_ROLES -> its members have the root role as long as it has the name', async (t) => {
  const user = await createWithPassword('root-role@example.com')
  const cookie = await logIn('root-role@example.com')
  const group = await createGroup('flag-editors', user)
  t.equal(await createFlag(cookie), 201)
  await patch(`/Groups/${group.id}`, { op: 'replace', path: 'displayName', value: 'others' })
  t.equal(await createFlag(cookie), 403)
  await patch(`/Groups/${group.id}`, { op: 'replace', path: 'displayName', value: 'flag-editors' })
  t.equal(await createFlag(cookie), 201)
  await patch(`/Groups/${group.id}`, { op: 'replace', path: 'members', value: [] })
  t.equal(await createFlag(cookie), 403)
})

t.test('a user is deactivated -> session, token and login get 401; reactivated -> the same id, roles and groups', async (t) => {
  const user = await createWithPassword('leaver@example.com')
  const group = await createGroup('leavers', user)
  await db.query("insert into group_role (group_id, role_id, project) select id, 5, 'default' from groups where scim_id = $1", [group.id])
  const cookie = await logIn('leaver@example.com')
  const authorization = await createToken(cookie)
  t.strictSame([await createFlag(cookie), await whoAmI({ authorization })], [201, 200])
  const before = await inUnleash('leaver@example.com')

  const events = await eventsOf(async () => { t.ok((await patch(`/Users/${user.id}`, { op: 'Replace', path: 'active', value: 'False' })).status < 300) })
  t.match(events, [{ type: 'user-updated', created_by: 'scim', pre_data: { active: true }, data: { active: false } }])
  t.equal(events.length, 1)
  t.strictSame([await whoAmI({ cookie }), await whoAmI({ authorization }), await createFlag(cookie)], [401, 401, 401])
  t.equal(await tryLogIn(url, 'leaver@example.com'), undefined)
  t.equal(await inUnleash('leaver@example.com'), undefined)
  t.match((await scim('GET', `/Users/${user.id}`)).json, { id: user.id, active: false })
  t.match((await scim('GET', `/Users?filter=${encodeURIComponent('userName eq "leaver@example.com"')}`)).json.Resources, [{ id: user.id, active: false }])
  t.match((await scim('GET', `/Groups/${group.id}`)).json.members, [{ value: user.id }])
  t.equal((await scim('POST', '/Users', { schemas: [userSchema], userName: 'leaver@example.com' })).status, 409)
  t.equal((await scim('PUT', `/Users/${user.id}`, { schemas: [userSchema], userName: 'leaver@example.com', title: 'without active' })).json.active, false, 'an update without "active" does not reactivate')

  t.ok((await patch(`/Users/${user.id}`, { op: 'replace', value: { active: true } })).status < 300)
  t.match(await inUnleash('leaver@example.com'), { id: before.id, scimId: user.id, rootRole: before.rootRole })
  t.strictSame([await whoAmI({ cookie }), await whoAmI({ authorization })], [401, 401], 'what was ended stays so')
  t.equal(await createFlag(await logIn('leaver@example.com')), 201)
})

t.test('logins that race with a deactivation -> no session is usable 100 ms later, nor after the reactivation', async (t) => {
  const user = await createWithPassword('racer@example.com')
  let [sessions, usable, total] = [0, 0, 0]
  for (let round = 0; round < 20; round++) {
    const logins = Array.from({ length: 10 }, () => tryLogIn(url, 'racer@example.com'))
    await Promise.race(logins)
    await patch(`/Users/${user.id}`, { op: 'replace', path: 'active', value: false })
    const cookies = await Promise.all(logins)
    await setTimeout(100)
    const open = cookies.filter((cookie) => cookie !== undefined)
    usable += (await Promise.all(open.map((cookie) => whoAmI({ cookie })))).filter((status) => status !== 401).length
    sessions += open.length
    total += cookies.length
    await patch(`/Users/${user.id}`, { op: 'replace', path: 'active', value: true })
    usable += (await Promise.all(open.map((cookie) => whoAmI({ cookie })))).filter((status) => status !== 401).length
  }
  t.equal(total, 200)
  t.ok(sessions > 0, 'logins have raced')
  t.comment(`${sessions} of ${total} logins got a cookie, ${usable} were usable`)
  t.equal(usable, 0)
})

t.test('a session is stored after its user was deactivated or removed -> it is dropped, whatever stores it', async (t) => {
  const user = await createWithPassword('late@example.com')
  const { rows: [{ id }] } = await db.query("select id from users where email = 'late@example.com'")
  const insert = (sid: string, userId: number | null) => db.query("insert into unleash_session (sid, sess, expired) values ($1, $2, now() + '1 day')", [sid, { cookie: {}, ...(userId !== null && { user: { id: userId } }) }])
  const stored = async () => (await db.query("select sid from unleash_session where sid like 'late-%' order by sid")).rows.map(({ sid }) => sid)

  // Held between the row of the user and the end of the transaction.
  const client = await db.connect()
  await client.query('begin')
  await client.query('update users set deleted_at = now() where id = $1', [id])
  const waiting = insert('late-1', id)
  await until(async () => (await db.query("select from pg_stat_activity where wait_event_type = 'Lock'")).rowCount === 1)
  await client.query('commit')
  client.release()
  await waiting
  t.strictSame(await stored(), [], 'stored while the user is deactivated')

  await insert('late-2', id)
  await insert('late-3', 999_999)
  t.strictSame(await stored(), [], 'stored later, and of a user who does not exist')
  await insert('late-4', null)
  await insert('late-5', 1)
  await db.query("update unleash_session set sess = $1 where sid = 'late-4'", [{ cookie: {}, user: { id } }])
  t.strictSame(await stored(), ['late-4', 'late-5'])
  t.strictSame((await db.query("select sess -> 'user' as user from unleash_session where sid = 'late-4'")).rows, [{ user: null }], 'a session that becomes one of the user')
  await db.query("insert into personal_access_tokens (user_id, expires_at, description) values ($1, now() + '1 day', 'late')", [id])
  t.strictSame((await db.query('select from personal_access_tokens where user_id = $1', [id])).rowCount, 0)
  await db.query("delete from unleash_session where sid like 'late-%'")
  t.equal((await scim('DELETE', `/Users/${user.id}`)).status, 204)
})

t.test('a user is deleted -> 404, a row without an address, no access; and it can be created again', async (t) => {
  const user = await createWithPassword('gone@example.com')
  const cookie = await logIn('gone@example.com')
  const authorization = await createToken(cookie)
  const { id } = await inUnleash('gone@example.com')
  const events = await eventsOf(async () => { t.equal((await scim('DELETE', `/Users/${user.id}`)).status, 204) })
  t.match(events, [{ type: 'user-deleted', created_by: 'scim', pre_data: { id, email: 'gone@example.com' } }])
  t.equal(events.length, 1)
  t.strictSame([await whoAmI({ cookie }), await whoAmI({ authorization })], [401, 401])
  t.equal((await scim('GET', `/Users/${user.id}`)).status, 404)
  t.equal((await scim('DELETE', `/Users/${user.id}`)).status, 404)
  const { rows } = await db.query('select email, username, scim_id, deleted_at is not null as deleted from users where id = $1', [id])
  t.strictSame(rows, [{ email: null, username: null, scim_id: null, deleted: true }])
  t.equal((await db.query('select from scim_attributes where user_id = $1', [id])).rowCount, 0, 'nothing of the user is kept beside it')
  t.not((await create('gone@example.com')).id, user.id)

  const longName = await create('long.name@example.com', { displayName: 'x'.repeat(255) })
  t.equal((await scim('DELETE', `/Users/${longName.id}`)).status, 204, 'a name that leaves no room for a mark')
})

t.test('a user is removed in Unleash -> no access, 404 for the provider, and it can be created again', async (t) => {
  const user = await createWithPassword('by-admin@example.com')
  const cookie = await logIn('by-admin@example.com')
  const authorization = await createToken(cookie)
  const { id } = await inUnleash('by-admin@example.com')
  // The admin UI sends a content type and no body.
  t.equal((await send(`${userAdmin}/${id}`, { method: 'DELETE', headers: { ...admin, 'content-type': 'application/json' } })).status, 200)
  t.strictSame([await whoAmI({ cookie }), await whoAmI({ authorization })], [401, 401])
  t.equal((await scim('GET', `/Users/${user.id}`)).status, 404)
  t.equal((await db.query('select from scim_attributes where user_id = $1', [id])).rowCount, 0)
  await create('by-admin@example.com')
})

t.test('a user is edited by hand -> 403 while SCIM is enabled, 200 while it is disabled; a link to set a password and users of no provider are not affected', async (t) => {
  await create('edited@example.com')
  const byHand = await createByHand('free@example.com', 'Viewer')
  const { id } = await inUnleash('edited@example.com')
  const edit = (path: string, headers: object = admin) => send(path, { method: 'PUT', headers: { ...headers }, body: { name: 'Edited', email: 'stolen@example.com', rootRole: 1 } })
  const before = (await db.query('select * from users where id = $1', [id])).rows

  const rejected = await edit(`${userAdmin}/${id}`)
  t.match([rejected.status, rejected.json], [403, { id: /^[0-9a-f-]{36}$/, name: 'ForbiddenError', message: /SCIM provider/, details: [{ message: /SCIM provider/ }] }])
  const spellings = [
    `${userAdmin}/${id}/`, `${userAdmin}/${id}?x=1`, `/API/Admin/USER-admin/${id}`, `/api/admin/./user-admin/${id}`, `/api/admin\\user-admin/${id}`,
    `/api/admin/user-admin\\${id}`, `/api/admin/%2e/user-admin/${id}`, `/api//admin/user-admin/${id}`, `//api/admin/user-admin/${id}`, `///x/api/admin/user-admin/${id}`,
    `/api/x/../admin/user-admin/${id}`, `/api/x/%2e%2e/admin/user-admin/${id}`, `${userAdmin}/0${id}`, `${userAdmin}/${id}.0`, `${userAdmin}/+${id}`, `${userAdmin}/%20${id}`,
    `${userAdmin}/%3${String(id)[0]}${String(id).slice(1)}`, `${userAdmin}/0x${id.toString(16)}`, `${userAdmin}/${id}e0`, `${userAdmin}/${id}#x`, `${userAdmin}/${id};x`, `/api/admin/user%2dadmin/${id}`,
    `${url}${userAdmin}/${id}`, `${unleash.url}${userAdmin}/${id}`, `${userAdmin}/${id}%00`, `${userAdmin}/${id}%2f`, `${userAdmin}%2f${id}`,
    `${userAdmin}/${id}//`, `${userAdmin}//${id}`, `${userAdmin}/${id}/%2E//`, `${userAdmin}/%2f${id}`, `${userAdmin}\\\\${id}`, `${userAdmin}/${id}/%5c`
  ]
  for (const path of spellings) {
    const { status } = await edit(path)
    t.ok(status >= 400 && status < 500, `${path}: ${status}`)
  }
  t.equal((await send(`${userAdmin}/${id}/change-password`, { method: 'POST', headers: admin, body: { password: 'another horse 2!' } })).status, 403)
  for (const path of [`${id}/change-password/`, `${id}//change-password`, `/${id}/change-password`, `${id}/change-password//`]) {
    t.equal((await send(`${userAdmin}/${path}`, { method: 'POST', headers: admin, body: { password: 'another horse 2!' } })).status, 403, path)
  }
  t.equal((await edit(`${userAdmin}/${id}`, {})).status, 401, 'a caller who is not authenticated learns nothing')
  t.strictSame((await db.query('select * from users where id = $1', [id])).rows, before)

  const { json: { resetPasswordUrl } } = await send(`${userAdmin}/reset-password`, { method: 'POST', headers: admin, body: { id: 'edited@example.com' } })
  const reset = new URL(resetPasswordUrl)
  t.equal(reset.origin, url, 'the link is one to the host')
  t.equal((await send('/auth/reset/password', { method: 'POST', body: { token: reset.searchParams.get('token'), password: 'Quite-A-Horse-3!' } })).status, 200)
  t.ok(await tryLogIn(url, 'edited@example.com', 'Quite-A-Horse-3!'), 'the user sets a password and logs in')
  t.equal((await send(`${userAdmin}/${byHand.id}`, { method: 'PUT', headers: admin, body: { name: 'Free', rootRole: 3 } })).status, 200)

  const events = await eventsOf(async () => { t.equal((await send(settings, { method: 'POST', headers: admin, body: { enabled: false } })).status, 200) })
  t.match(events, [{ type: 'setting-updated', created_by: 'admin', data: { id: 'scim', enabled: false } }])
  t.equal(events.length, 1)
  t.equal((await send(`${userAdmin}/${id}`, { method: 'PUT', headers: admin, body: { name: 'Edited', email: 'edited.by.hand@example.com', rootRole: 3 } })).status, 200)
  t.equal((await send(settings, { method: 'POST', headers: admin, body: { enabled: true } })).status, 200)
  t.match((await scim('GET', `/Users?filter=${encodeURIComponent('userName eq "edited.by.hand@example.com"')}`)).json.Resources, [{ userName: 'edited.by.hand@example.com' }], 'the provider sees the change')
})

t.test('logins -> ten a minute for each address, whatever the client says that its address is', async (t) => {
  const attempt = async (from: string, headers: object = {}) => (await send('/auth/simple/login', { method: 'POST', from, headers: { ...headers }, body: { username: 'nobody', password: 'wrong' } })).status
  const [one, other] = [newAddress(), newAddress()]
  const spoofed = (i: number) => i % 2 ? { 'x-forwarded-for': `10.0.0.${i}` } : { 'x-forwarded-for': `10.0.0.${i}`, forwarded: `for=10.0.0.${i}`, connection: 'x-forwarded-for' }
  const statuses: number[] = []
  for (let i = 0; i < 12; i++) statuses.push(await attempt(one, spoofed(i)))
  t.strictSame(statuses, [...Array.from({ length: 10 }, () => 401), 429, 429])
  t.equal(await attempt(other), 401, 'another client')
})

t.test('requests of the admin UI and of SDKs -> Unleash receives them as they were sent', async (t) => {
  t.equal((await send('/api/admin/projects/default/features', { method: 'POST', headers: admin, body: { name: 'proxied', type: 'release' } })).status, 201)
  t.equal((await send('/api/admin/projects/default/features/proxied', { method: 'DELETE', headers: { ...admin, 'content-type': 'application/json' } })).status, 202)
  t.match((await send('/api/admin/projects/default/features', { method: 'POST', headers: { ...admin, 'content-type': 'application/json' }, body: '{"name":' })).status, 400)
  t.equal((await send('/api/admin/projects/default/features?sort=a%20b&x=%zz', { headers: admin })).status, 200)
  const large = await send('/api/admin/projects/default/features', { method: 'POST', headers: admin, body: { name: 'large', type: 'release', description: 'x'.repeat(1_500_000) } })
  t.not(large.status, 500, 'a body larger than what Fastify parses')
  t.match(await send('/api/client/features'), { status: 401 })
  t.match(await send('/health'), { json: { health: 'GOOD' } })
})

t.test('odd requests without credentials -> a response of Unleash or 400, never a 5xx', async (t) => {
  for (const headers of [{ upgrade: 'h2c', connection: 'upgrade' }, { 'keep-alive': 'timeout=5' }, { te: 'trailers' }, { 'proxy-connection': 'keep-alive' }, { expect: '100-continue' }]) {
    t.equal((await send('/api/admin/user', { headers })).status, 401, JSON.stringify(headers))
  }
  t.equal((await send('/\\')).status, 400)
  for (const id of ['99999999999', '1e21', '-1', '1']) t.equal((await send(`${userAdmin}/${id}`, { method: 'PUT', body: { name: 'x' } })).status, 401, id)
})

t.test('links and paths with a token -> no token in the log', async (t) => {
  const secret = 'very-secret-token'
  for (const path of ['/new-user?token=', '/reset-password?token=', '/auth/reset/validate?token=', '/new-user?invite=', '/invite/', '/api/admin/invite-link/tokens/', '/api/admin/api-tokens/', '/API/admin/api-TOKENS/']) {
    await send(path + secret, { headers: admin })
  }
  t.notMatch(JSON.stringify(running.log), secret)
  const paths = running.log.map(({ req }) => Object(req).url)
  t.ok(paths.includes('/reset-password') && paths.includes('/API/admin/api-TOKENS/***'), 'the rest of the path is logged')
})

t.test('bad input -> 400, and nothing is stored', async (t) => {
  const count = async () => (await db.query('select (select count(*) from users) + (select count(*) from groups) + (select count(*) from scim_attributes) as n')).rows[0].n
  const before = await count()
  for (const body of [{}, { userName: '' }, { userName: 'nul\u0000@example.com' }, { userName: `${'x'.repeat(300)}@example.com` }, { userName: 'half\ud800@example.com' }, { userName: 7 }, { userName: 'a@example.com', active: 'perhaps' }]) {
    const { status, headers } = await scim('POST', '/Users', { schemas: [userSchema], ...body })
    t.match([status, headers['content-type']], [400, /^application\/scim\+json/], JSON.stringify(body).slice(0, 60))
  }
  for (const body of [{}, { displayName: 'g', members: 'x' }, { displayName: 'g', members: [{ value: 'nobody' }] }, { displayName: 'nul\u0000' }]) {
    t.equal((await scim('POST', '/Groups', { schemas: [groupSchema], ...body })).status, 400, JSON.stringify(body))
  }
  t.equal(await count(), before)
  for (const id of ["'", '%27%20or%201=1', 'x'.repeat(200), '1', '-1337']) t.equal((await scim('GET', `/Users/${id}`)).status, 404, id.slice(0, 20))
})

t.test('the host starts -> it stops with a sentence if the tables, the version, the roles or the server are not those that it knows', async (t) => {
  const start = (changes: object) => buildHost({ ...config, ...changes }, { level: 'silent' })
  const fails = (changes: object, message: RegExp) => t.rejects(start(changes), { message })

  await db.query('alter table users rename column scim_id to scim')
  await fails({}, /users\.scim_id is missing and must be text/)
  await db.query('alter table users rename column scim to scim_id')
  await db.query('alter table reset_tokens rename to other_tokens')
  await fails({}, /reset_tokens\.user_id is missing/)
  await db.query('alter table other_tokens rename to reset_tokens')
  await fails({ defaultRole: 'Owner' }, /SCIM_DEFAULT_ROLE names the root role "Owner", and Unleash has these: Admin, Editor, Viewer/)
  await fails({ defaultRole: 'Admin' }, /would make every user of the identity provider an admin/)
  await fails({ rootRoles: new Map([['x', 'Boss']]) }, /SCIM_ROOT_ROLES names the root role "Boss"/)
  await fails({ unleashUrl: `http://127.0.0.1:${await freePort()}` }, /UNLEASH_URL cannot be reached.*ECONNREFUSED/)
  await fails({ databaseUrl: `postgresql://postgres@127.0.0.1:${await freePort()}/x` }, /DATABASE_URL cannot be used.*ECONNREFUSED/)
  for (const [version, status, message] of [['8.3.0', 401, /version in its OpenAPI document is 8\.3\.0/], ['8.20.0', 401, /is 8\.20\.0/], ['8.2.9', 200, /does not authenticate its callers/]] as const) {
    await fails({ unleashUrl: await startServer(t, version, status) }, message)
  }
  await (await start({})).close()
})

t.test('"delete SCIM users" in Unleash -> no session and no token of them is usable', async (t) => {
  const user = await createWithPassword('swept@example.com')
  const cookie = await logIn('swept@example.com')
  const authorization = await createToken(cookie)
  t.strictSame([await whoAmI({ cookie }), await whoAmI({ authorization })], [200, 200])
  t.equal((await send(`${userAdmin}/scim-users`, { method: 'DELETE', headers: admin })).status, 200)
  t.strictSame([await whoAmI({ cookie }), await whoAmI({ authorization })], [401, 401])
  t.equal((await scim('GET', `/Users/${user.id}`)).status, 404)
  t.equal((await db.query('select from scim_attributes where user_id is not null')).rowCount, 0)
  t.equal(await whoAmI(admin), 200, 'others stay logged in')
})

t.test('the database is down -> 503 with Retry-After for the provider, and nothing is lost', async (t) => {
  const proxy = await startPausableProxy(Number(new URL(config.databaseUrl).port))
  t.teardown(() => proxy.close())
  const app = await buildHost({ ...config, databaseUrl: `postgresql://postgres@127.0.0.1:${proxy.port}/postgres` }, { level: 'silent' })
  t.teardown(() => app.close())
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const list = () => sendTo(url, '/scim/Users', { headers: { authorization: `Bearer ${token}` } })
  t.equal((await list()).status, 200)

  proxy.close()
  for (const [method, path, body] of [['GET', '/Users', undefined], ['POST', '/Users', { schemas: [userSchema], userName: 'lost@example.com' }]] as const) {
    const { status, headers, json } = await sendTo(url, `/scim${path}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' }, ...(body && { body: JSON.stringify(body) }) })
    t.match([status, headers['retry-after'], json], [503, String, { status: '503' }], method)
  }
  t.equal((await sendTo(url, `${userAdmin}/5`, { method: 'PUT', headers: admin, body: {} })).status, 503, 'who cannot be looked up cannot be edited')
})

t.test('Unleash is down -> 503 in its shape for the admin UI, and the provider goes on; the log says which', async (t) => {
  // Without the time that it takes for its open requests.
  unleash.process.kill('SIGKILL')
  await unleash.stop()
  t.match(await send('/api/admin/projects'), { status: 503, json: { name: 'ServiceUnavailable', message: /Unleash cannot be reached/, details: [{ message: String }] } })
  t.ok((await send(`${settings}/generate-new-token`, { method: 'POST', headers: admin })).status >= 500)
  await create('meanwhile@example.com')
  t.ok(running.log.some(({ msg }) => msg === 'Unleash cannot be reached'))

  const { stop } = await startUnleash({ databaseUrl: config.databaseUrl, port: Number(new URL(unleash.url).port), publicUrl: url })
  t.teardown(stop)
  t.match(await inUnleash('meanwhile@example.com'), { scimId: String }, 'nothing is lost')
})

/** Starts a server that says that it is Unleash. */
async function startServer (t: Test, version: string, status: number): Promise<string> {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/docs/openapi.json', async () => ({ info: { version } }))
  app.get('/api/admin/user', async (_request, reply) => await reply.code(status).send({}))
  return await app.listen({ host: '127.0.0.1', port: 0 })
}
