import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { groupSchema, type Provider } from './scim-provider.ts'

/**
 * Runs the group requests of authentik's SCIM provider against a host, from its public source (goauthentik/authentik,
 * authentik/providers/scim/clients/groups.py), in our own code.
 */
export async function authentikRequests (t: Test, provider: Provider): Promise<void> {
  const { send, list, create, patch } = provider
  const users = await Promise.all(['ann', 'bob', 'eve'].map((name) => create('/Users', { userName: name, externalId: randomUUID() })))
  const [ann, bob, eve] = users.map(({ id }): string => id)
  const members = (group: any) => (group.members ?? []).map(({ value }: { value: string }) => value)
  const add = (value: string | undefined) => ({ op: 'add', path: 'members', value: [{ value }] })
  const remove = (value: string | undefined) => ({ op: 'remove', path: 'members', value: [{ value }] })
  const pushed = { schemas: [groupSchema], externalId: randomUUID(), displayName: 'authentik Admins' }

  t.equal((await send('GET', '/ServiceProviderConfig')).body.patch.supported, true, 'it asks whether PATCH is supported')
  const { status, body: group } = await send('POST', '/Groups', pushed)
  t.equal(status, 201)

  t.test('a group that exists already -> 409, and it is found by its name', async (t) => {
    t.equal((await send('POST', '/Groups', pushed)).status, 409)
    t.match((await list('/Groups', { filter: `displayName eq "${pushed.displayName}"` })).body.Resources, [{ id: group.id }])
  })

  t.test('one operation a member -> all members of the request are added', async (t) => {
    t.strictSame(members(await patch(group, add(ann), add(bob), add(eve))), [ann, bob, eve])
  })

  t.test('the group is replaced without a path and without members -> its attributes change, its members stay', async (t) => {
    const patched = await patch(group, { op: 'replace', value: { ...pushed, id: group.id, displayName: 'authentik Owners' } })
    t.strictSame([patched.displayName, patched.externalId, members(patched)], ['authentik Owners', pushed.externalId, [ann, bob, eve]])
    const nullPath = await patch(group, { op: 'replace', path: null, value: { displayName: pushed.displayName } })
    t.strictSame([nullPath.displayName, members(nullPath)], [pushed.displayName, [ann, bob, eve]], 'older versions send a path that is null')
    const attributes = await patch(group, { op: 'replace', path: 'displayName', value: 'authentik Staff' }, { op: 'replace', path: 'externalId', value: 'x' })
    t.strictSame([attributes.displayName, attributes.externalId, members(attributes)], ['authentik Staff', 'x', [ann, bob, eve]])
  })

  t.test('members are compared, added and removed in one request -> exactly the others are members', async (t) => {
    t.strictSame(members((await send('GET', `/Groups/${group.id}`)).body), [ann, bob, eve])
    t.strictSame(members(await patch(group, add(ann), remove(bob))), [ann, eve])
    t.strictSame(members(await patch(group, remove(ann), remove(bob))), [eve], 'one that is no member any more')
  })

  t.test('the group is replaced with PUT -> exactly the members of the request', async (t) => {
    const put = await send('PUT', `/Groups/${group.id}`, { ...pushed, id: group.id, members: [{ value: bob }] })
    t.strictSame([put.status, members((await send('GET', `/Groups/${group.id}`)).body)], [200, [bob]])
  })

  t.test('the groups are listed -> the group, until it is deleted', async (t) => {
    t.match((await send('GET', '/Groups')).body, { totalResults: 1, Resources: [{ id: group.id }] })
    t.match((await send('GET', '/Groups?startIndex=2')).body, { totalResults: 1, Resources: [] })
    t.equal((await send('DELETE', `/Groups/${group.id}`)).status, 204)
    t.match((await send('GET', '/Groups')).body, { totalResults: 0 })
  })
}
