import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { groupSchema, patchOp, userSchema, type Provider } from './scim-provider.ts'
import { scimSuite, status } from './scim-suite.ts'

const listResponse = 'urn:ietf:params:scim:api:messages:2.0:ListResponse'
const errorResponse = 'urn:ietf:params:scim:api:messages:2.0:Error'
const isPresent = (value: unknown) => value !== undefined && value !== null && value !== ''

/** Runs Okta's requests against a host. */
export async function oktaRequests (t: Test, provider: Provider): Promise<void> {
  const { send, list, create, patch } = provider

  // Okta's "Okta-SCIM-20-SPEC-Test.json" (developer.okta.com, "Test your SCIM API"), in our own code.
  t.test("Okta's SPEC test -> all 52 assertions of its 12 steps hold", async (t) => {
    await create('/Users', { userName: 'first@example.com', name: { givenName: 'First', familyName: 'User' }, emails: [{ value: 'first@example.com' }], active: true })
    const { step, counts, failed } = scimSuite(provider)
    const names = { givenName: 'Runscope100', familyName: 'Abcdefghi123' }
    const userName = 'Runscope100Abcdefghi123@atko.com'
    const user = { schemas: [userSchema], userName, name: names, emails: [{ primary: true, value: userName, type: 'work' }], displayName: 'Runscope100 Abcdefghi123', active: true }
    const userFields = {
      'family name': ({ body }: any) => isPresent(body.name.familyName),
      'given name': ({ body }: any) => isPresent(body.name.givenName),
      'user name': ({ body }: any) => isPresent(body.userName),
      active: ({ body }: any) => isPresent(body.active),
      email: ({ body }: any) => isPresent(body.emails[0].value)
    }
    const ofFirst = Object.fromEntries(Object.entries(userFields).map(([name, check]) => [name, ({ body }: any) => check({ body: body.Resources[0] })]))
    const isList = { schema: ({ body }: any) => body.schemas.includes(listResponse) }
    const isNotFound = { detail: ({ body }: any) => isPresent(body.detail), schema: ({ body }: any) => body.schemas.includes(errorResponse) }
    const query = (value: string) => `/Users?${new URLSearchParams({ filter: `userName eq "${value}"` })}`

    const first = await step('users endpoint', 'GET', '/Users?count=1&startIndex=1', undefined, {
      ...status(200),
      resources: ({ body }) => body.Resources.length > 0,
      ...isList,
      'items per page': ({ body }) => Number.isInteger(body.itemsPerPage),
      'start index': ({ body }) => Number.isInteger(body.startIndex),
      total: ({ body }) => Number.isInteger(body.totalResults),
      id: ({ body }) => isPresent(body.Resources[0].id),
      ...ofFirst
    })
    const { id } = first.body.Resources[0]
    await step('user by id', 'GET', `/Users/${id}`, undefined, { ...status(200), id: ({ body }) => isPresent(body.id), ...userFields, 'same id': ({ body }) => body.id === id })
    await step('unknown user name', 'GET', query('abcdefgh@atko.com'), undefined, { ...status(200), ...isList, none: ({ body }) => body.totalResults === 0 })
    await step('unknown id', 'GET', '/Users/010101001010101011001010101011', undefined, { ...status(404), ...isNotFound })
    await step('random user name', 'GET', query(userName), undefined, { ...status(200), none: ({ body }) => body.totalResults === 0, ...isList })
    const created = await step('create', 'POST', '/Users', user, {
      ...status(201),
      active: ({ body }) => body.active === true,
      id: ({ body }) => isPresent(body.id),
      'family name': ({ body }) => body.name.familyName === names.familyName,
      'given name': ({ body }) => body.name.givenName === names.givenName,
      schema: ({ body }) => body.schemas.includes(userSchema),
      'user name': ({ body }) => body.userName === userName
    })
    await step('created', 'GET', `/Users/${created.body.id}`, undefined, {
      ...status(200),
      'user name': ({ body }) => body.userName === userName,
      'family name': ({ body }) => body.name.familyName === names.familyName,
      'given name': ({ body }) => body.name.givenName === names.givenName
    })
    await step('create again', 'POST', '/Users', user, status(409))
    await step('letter case', 'GET', query(userName.toUpperCase()), undefined, status(200))
    const before = performance.now()
    await step('groups endpoint', 'GET', '/Groups', undefined, { ...status(200), 'within 600 ms': () => performance.now() - before < 600 })

    const unauthorized = scimSuite({
      send: async (method, resource) => {
        const response = await fetch(`${provider.url}/scim${resource}`, { method, headers: { authorization: 'Bearer wrong' } })
        return { status: response.status, type: null, location: null, body: await response.json() }
      }
    })
    await unauthorized.step('wrong token', 'GET', query(userName.toUpperCase()), undefined, { ...status(401), ...isNotFound, 'status in the body': ({ body }) => body.status === '401' })
    await step('unknown number', 'GET', '/Users/00919288221112222', undefined, { ...status(404), ...isNotFound, 'status in the body': ({ body }) => body.status === '404' })

    t.strictSame([...failed, ...unauthorized.failed], [])
    t.equal(counts.requests + unauthorized.counts.requests, 12)
    t.equal(counts.checks + unauthorized.counts.checks, 52)
  })

  // Okta's requests for users: developer.okta.com, "SCIM 2.0 protocol reference", "SCIM User operations".
  t.test("Okta's life cycle of a user -> found, created, updated, deactivated and reactivated, with PATCH or PUT", async (t) => {
    for (const update of ['PATCH', 'PUT'] as const) {
      const userName = `${update.toLowerCase()}.user@okta.local`
      const find = () => list('/Users', { filter: `userName eq "${userName}"`, startIndex: '1', count: '100' })
      t.match(await find(), { status: 200, body: { totalResults: 0, startIndex: 1, itemsPerPage: 0, Resources: [] } })

      const created = await send('POST', '/Users', {
        schemas: [userSchema],
        userName,
        name: { givenName: 'Test', familyName: 'User' },
        emails: [{ primary: true, value: userName, type: 'work' }],
        displayName: 'Test User',
        locale: 'en-US',
        externalId: randomUUID(),
        groups: [],
        password: '1mz050nq',
        active: true
      })
      t.match(created, { status: 201, body: { userName, active: true, locale: 'en-US', meta: { resourceType: 'User' } } })
      t.notMatch(JSON.stringify(created.body), '1mz050nq')
      t.match((await find()).body, { totalResults: 1, itemsPerPage: 1, Resources: [created.body] })

      const resource = `/Users/${created.body.id}`
      const { body: read } = await send('GET', resource)
      const renamed = await send('PUT', resource, { ...read, name: { ...read.name, middleName: 'Excited' }, groups: [] })
      t.match(renamed, { status: 200, body: { name: { givenName: 'Test', middleName: 'Excited', familyName: 'User' }, emails: read.emails } })

      for (const active of [false, true, false]) {
        const changed = update === 'PATCH'
          ? await patch(read, { op: 'replace', value: { active } })
          : (await send('PUT', resource, { ...renamed.body, active })).body
        t.match(changed, { active, userName, emails: read.emails, name: { middleName: 'Excited' } })
      }
      t.match((await find()).body, { totalResults: 1, Resources: [{ active: false }] }, 'a deactivated user is still found')
    }
  })

  // Okta's requests for groups: the same page, "SCIM Group operations".
  t.test("Okta's life cycle of a group -> pushed, found, renamed, its members changed, and removed", async (t) => {
    const [ann, bob, eve] = await Promise.all(['ann', 'bob', 'eve'].map((name) => create('/Users', { userName: `${name}@okta.local` })))
    const pushed = await send('POST', '/Groups', { schemas: [groupSchema], displayName: 'Test SCIMv2', members: [] })
    t.equal(pushed.status, 201)
    const { id } = pushed.body
    t.match((await list('/Groups', { filter: 'displayName eq "Test SCIMv2"', startIndex: '1', count: '100' })).body, { totalResults: 1, itemsPerPage: 1, Resources: [{ id }] })

    const members = (group: any) => (group.members ?? []).map(({ value }: { value: string }) => value)
    t.strictSame(members(await patch(pushed.body, { op: 'add', path: 'members', value: [{ value: ann.id, display: 'ann@okta.local' }, { value: bob.id, display: 'bob@okta.local' }] })), [ann.id, bob.id])
    const renamed = await patch(pushed.body, { op: 'replace', value: { id, displayName: 'Test SCIMv20' } })
    t.strictSame([renamed.displayName, members(renamed)], ['Test SCIMv20', [ann.id, bob.id]])
    t.strictSame(members(await patch(
      pushed.body,
      { op: 'remove', path: `members[value eq "${ann.id}"]` },
      { op: 'add', path: 'members', value: [{ value: eve.id, display: 'eve@okta.local' }] }
    )), [bob.id, eve.id])
    t.strictSame(members(await patch(pushed.body, { op: 'replace', path: 'members', value: [{ value: eve.id }, { value: ann.id }] })), [eve.id, ann.id])
    // Reported in scimgateway issue 113: without a path, and with members.
    t.strictSame(members(await patch(pushed.body, { op: 'replace', value: { id, displayName: 'Test SCIMv20', members: [{ value: bob.id }] } })), [bob.id])

    const put = await send('PUT', `/Groups/${id}`, { schemas: [groupSchema], id, displayName: 'Test SCIMv2', members: [{ value: ann.id, display: 'ann@okta.local' }] })
    t.strictSame([put.status, members(put.body), members((await send('GET', `/Groups/${id}`)).body)], [200, [ann.id], [ann.id]])
    t.equal((await send('DELETE', `/Groups/${id}`)).status, 204)
    t.equal((await send('GET', `/Groups/${id}`)).status, 404)
    t.equal((await send('GET', `/Users/${ann.id}`)).status, 200, 'its members are still users')
  })

  t.test("Okta's import of users -> every user once, page by page", async (t) => {
    await Promise.all(Array.from({ length: 12 }, (_, i) => create('/Users', { userName: `import-${i}@okta.local` })))
    const ids: string[] = []
    let total = Infinity
    for (let startIndex = 1; startIndex <= total; startIndex += 5) {
      const { body } = await list('/Users', { startIndex: String(startIndex), count: '5' })
      total = body.totalResults
      ids.push(...body.Resources.map(({ id }: { id: string }) => id))
    }
    t.equal(ids.length, total)
    t.equal(new Set(ids).size, total)
  })
  t.equal((await send('PATCH', '/Users/absent', patchOp({ op: 'replace', value: { active: false } }))).status, 404, 'a user that does not exist')
}
