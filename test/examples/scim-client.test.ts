import { Octokit } from '@octokit/core'
import { enterpriseCloud } from '@octokit/plugin-enterprise-cloud'
import t from 'tap'
import { generatePath } from '../helpers/host.ts'
import { adminToken, startExampleHost } from '../helpers/example-host.ts'
import { groupSchema, patchOp as patch, userSchema } from '../helpers/scim-provider.ts'

// A client of SCIM at GitHub, whose methods are generated from GitHub's own OpenAPI document.
const { url } = await startExampleHost(t)

async function generate (): Promise<string> {
  const response = await fetch(url + generatePath, { method: 'POST', headers: { authorization: adminToken } })
  return Object(await response.json()).token
}

/** Creates the client, with the path of SCIM on this server and its token. */
function scimClient (token: string) {
  const octokit = new Octokit({ baseUrl: url, log: { debug () {}, info () {}, warn () {}, error () {} } })
  octokit.hook.before('request', (options) => {
    options.url = options.url.replace('/scim/v2/enterprises/:enterprise', '/scim')
    options.headers.authorization = `bearer ${token}`
  })
  const { enterpriseAdmin = {} } = enterpriseCloud(octokit)
  return async (method: string, parameters: object) => {
    const { status, data } = await enterpriseAdmin[method]?.(parameters)
    return { status, data }
  }
}

const responseOf = (error: object) => error

t.test("a user's life cycle with GitHub's client -> provisioned, found, changed and deprovisioned", async (t) => {
  const call = scimClient(await generate())
  const mona = {
    schemas: [userSchema],
    userName: 'mona',
    externalId: 'idp-1',
    displayName: 'Mona Lisa',
    name: { givenName: 'Mona', familyName: 'Lisa' },
    emails: [{ value: 'mona@example.com', type: 'work', primary: true }],
    active: true
  }
  const created = await call('provisionEnterpriseUser', mona)
  t.match(created, { status: 201, data: { ...mona, id: String, meta: { resourceType: 'User' } } })
  const user = { scim_user_id: created.data.id }

  await call('provisionEnterpriseUser', { ...mona, userName: 'hubot', externalId: 'idp-2' })
  const found = await call('listProvisionedIdentitiesEnterprise', { filter: 'userName eq "mona"', startIndex: 1, count: 10 })
  t.match(found, { status: 200, data: { totalResults: 1, Resources: [{ id: created.data.id }] } })
  t.strictSame((await call('getProvisioningInformationForEnterpriseUser', user)).data, created.data)

  const replaced = await call('setInformationForProvisionedEnterpriseUser', { ...user, ...mona, displayName: 'La Gioconda' })
  t.match(replaced, { status: 200, data: { id: created.data.id, displayName: 'La Gioconda' } })
  const disabled = await call('updateAttributeForEnterpriseUser', { ...user, ...patch({ op: 'replace', path: 'active', value: false }) })
  t.match(disabled, { status: 200, data: { active: false, displayName: 'La Gioconda' } })

  t.match(await call('deleteUserFromEnterprise', user), { status: 204 })
  t.match(await call('getProvisioningInformationForEnterpriseUser', user).catch(responseOf), { status: 404 })
})

t.test("a group's life cycle with GitHub's client -> provisioned, its members changed, and deprovisioned", async (t) => {
  const call = scimClient(await generate())
  const members = []
  for (const userName of ['ada', 'grace']) {
    const { data } = await call('provisionEnterpriseUser', { schemas: [userSchema], userName, active: true })
    members.push({ value: data.id, display: userName })
  }
  const [ada, grace] = members

  const created = await call('provisionEnterpriseGroup', { schemas: [groupSchema], displayName: 'Engineering', externalId: 'idp-3', members: [ada] })
  t.match(created, { status: 201, data: { displayName: 'Engineering', members: [ada] } })
  const group = { scim_group_id: created.data.id }

  const found = await call('listProvisionedGroupsEnterprise', { filter: 'displayName eq "Engineering"', excludedAttributes: 'members' })
  t.match(found.data, { totalResults: 1, Resources: [{ id: created.data.id, members: undefined }] })

  const added = await call('updateAttributeForEnterpriseGroup', { ...group, ...patch({ op: 'add', path: 'members', value: [grace] }) })
  t.strictSame(added.data.members, [ada, grace])
  const removed = await call('updateAttributeForEnterpriseGroup', { ...group, ...patch({ op: 'remove', path: `members[value eq "${ada?.value}"]` }) })
  t.strictSame(removed.data.members, [grace])
  const replaced = await call('setInformationForProvisionedEnterpriseGroup', { ...group, schemas: [groupSchema], displayName: 'Platform', members: [] })
  t.match(replaced, { status: 200, data: { displayName: 'Platform' } })
  t.strictSame((await call('getProvisioningInformationForEnterpriseGroup', group)).data, replaced.data)

  t.match(await call('deleteScimGroupFromEnterprise', group), { status: 204 })
  t.match(await call('getProvisioningInformationForEnterpriseGroup', group).catch(responseOf), { status: 404 })
})

t.test('another token is generated -> the client gets 401 from then on', async (t) => {
  const call = scimClient(await generate())
  t.match(await call('listProvisionedIdentitiesEnterprise', {}), { status: 200 })
  const callAnew = scimClient(await generate())
  t.match(await call('listProvisionedIdentitiesEnterprise', {}).catch(responseOf), {
    status: 401,
    response: { headers: { 'www-authenticate': 'Bearer realm="SCIM", error="invalid_token"' }, data: { status: '401', detail: String } }
  })
  t.match(await callAnew('listProvisionedIdentitiesEnterprise', {}), { status: 200 })
})
