import { request } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { databases, enterprise, errorOf, patchOp, startProvider, userSchema } from '../helpers/scim-provider.ts'

for (const database of databases) {
  t.test(`on the ${database} database`, async (t) => {
    const { url, authorization, send, list, create, patch, rejectedPatch } = await startProvider(t, database)
    let count = 0
    const createUser = (attributes: object = {}) => create('/Users', { userName: `user-${++count}@example.com`, active: true, ...attributes })
    const createGroup = (attributes: object = {}) => create('/Groups', { displayName: `Group ${++count}`, ...attributes })
    const names = async (filter: string) => {
      const { status, body } = await list('/Users', { filter })
      return status === 200 ? body.Resources.map(({ userName }: { userName: string }) => userName) : body
    }

    t.test('a boolean as a string in any letter case -> the boolean', async (t) => {
      const user = await createUser()
      for (const [value, active] of [['False', false], ['True', true], ['false', false], ['TRUE', true], [false, false]] as const) {
        t.equal((await patch(user, { op: 'Replace', path: 'active', value })).active, active, `path: ${value}`)
      }
      t.equal((await patch(user, { op: 'replace', value: { active: 'True' } })).active, true, 'without a path')
      t.equal((await patch(user, { op: 'Add', path: 'ACTIVE', value: 'False' })).active, false, 'another op, another letter case')
      t.equal((await createUser({ active: 'True' })).active, true, 'POST')
      const replaced = await send('PUT', `/Users/${user.id}`, { schemas: [userSchema], userName: user.userName, active: 'False' })
      t.equal(replaced.body.active, false, 'PUT')
      t.strictSame((await createUser({ emails: [{ value: 'a@example.com', primary: 'True' }] })).emails, [{ value: 'a@example.com', primary: true }])
    })

    t.test('anything else for a boolean -> 400, and the user stays as it was', async (t) => {
      const user = await createUser()
      for (const value of ['no', '0', 1, '', 'Falsee', ['False'], { value: false }]) {
        const { body } = await rejectedPatch(user, { op: 'Replace', path: 'active', value })
        t.match(body, errorOf(400, 'invalidValue'), JSON.stringify(value))
      }
      t.match(await send('POST', '/Users', { schemas: [userSchema], userName: 'no@example.com', active: 'no' }), { status: 400, body: errorOf(400, 'invalidValue') })
      t.strictSame(await names('userName eq "no@example.com"'), [])
    })

    t.test('replacing the work e-mail of a user who has none -> it is created, and the user is deactivated', async (t) => {
      const work = { value: 'n@example.com', type: 'work' }
      const home = { value: 'h@example.com', type: 'home' }
      for (const emails of [undefined, [], [home]]) {
        const patched = await patch(
          await createUser({ emails }),
          { op: 'Replace', path: 'emails[type eq "work"].value', value: 'n@example.com' },
          { op: 'Replace', path: 'active', value: false }
        )
        t.match(patched, { active: false, emails: [...emails ?? [], { ...work }] })
        t.equal(patched.emails.length, (emails?.length ?? 0) + 1)
      }
    })

    t.test('replacing any entry that Entra ID selects by its type or as the primary one -> it is created or changed', async (t) => {
      const user = await createUser()
      const patched = await patch(
        user,
        { op: 'Add', path: 'phoneNumbers[type eq "mobile"].value', value: '+1 555 0100' },
        { op: 'Add', path: 'addresses[type eq "work"].formatted', value: 'Main Street 1' },
        { op: 'Add', path: 'addresses[type eq "work"].locality', value: 'Springfield' },
        { op: 'Add', path: 'roles[primary eq "True"].value', value: 'editor' },
        { op: 'Add', path: 'roles[primary eq "True"].type', value: 'WindowsAzureActiveDirectoryRole' }
      )
      t.match(patched, {
        phoneNumbers: [{ type: 'mobile', value: '+1 555 0100' }],
        addresses: [{ type: 'work', formatted: 'Main Street 1', locality: 'Springfield' }],
        roles: [{ primary: true, value: 'editor', type: 'WindowsAzureActiveDirectoryRole' }]
      })
      const changed = await patch(user, { op: 'Replace', path: 'roles[primary eq "True"].value', value: 'viewer' })
      t.strictSame(changed.roles, [{ value: 'viewer', type: 'WindowsAzureActiveDirectoryRole', primary: true }])
    })

    t.test('replacing an entry selected by its value, or by no equality -> 400 noTarget, and nothing is created', async (t) => {
      const user = await createUser({ emails: [{ value: 'a@example.com', type: 'home' }] })
      const group = await createGroup({ members: [{ value: 'a' }] })
      for (const [resource, path] of [
        [user, 'emails[value eq "b@example.com"].display'],
        [user, 'emails[type co "wo"].value'],
        [group, 'members[value eq "b"].display']
      ]) {
        t.match((await rejectedPatch(resource, { op: 'replace', path, value: 'B' })).body, errorOf(400, 'noTarget'), path)
      }
    })

    t.test('changing one of several entries -> the others stay, and at most one is the primary', async (t) => {
      const work = { value: 'w@example.com', type: 'work', primary: true }
      const home = { value: 'h@example.com', type: 'home', primary: false }
      const user = await createUser({ emails: [work, home] })
      t.match((await patch(user, { op: 'Replace', path: 'emails[type eq "work"].value', value: 'x@example.com' })).emails, [{ ...work, value: 'x@example.com' }, home])
      t.match((await patch(user, { op: 'Replace', path: 'emails[type eq "HOME"]', value: { primary: true } })).emails, [{ primary: false }, { ...home, primary: true }])
      t.match((await patch(user, { op: 'Add', path: 'emails', value: [{ value: 'o@example.com', type: 'other', primary: true }] })).emails, [{ primary: false }, { primary: false }, { type: 'other', primary: true }])
      t.match((await patch(user, { op: 'Remove', path: 'emails[type eq "work"].value' })).emails, [{ type: 'home' }, { type: 'other' }], 'a label alone is not kept')
      t.match((await patch(user, { op: 'Remove', path: 'emails[type eq "home"]' })).emails, [{ type: 'other' }])
      t.equal((await patch(user, { op: 'Remove', path: 'emails' })).emails, undefined)
    })

    t.test('one operation of several is rejected -> none has an effect', async (t) => {
      const user = await createUser({ displayName: 'Ann' })
      for (const bad of [
        { op: 'replace', path: 'active', value: 'no' },
        { op: 'replace', path: 'absent', value: 1 },
        { op: 'replace', path: 'nickName' },
        { op: 'replace', path: 'id', value: 'other' },
        { op: 'replace', path: 'meta.created', value: '2026-01-01T00:00:00Z' },
        { op: 'replace', path: 'name[type eq "x"]', value: {} },
        { op: 'replace', path: 'emails[type', value: [] },
        { op: 'replace', path: `urn:${'a:b['.repeat(200_000)}`, value: 'x' },
        { op: 'replace', value: 'Ann' },
        { op: 'replace', value: { absent: 1 } },
        { op: 'remove', path: 'userName' },
        { op: 'remove' },
        { op: 'turn', path: 'active', value: false }
      ]) {
        const { body } = await rejectedPatch(user, { op: 'replace', path: 'displayName', value: 'Bob' }, bad)
        t.match(body, errorOf(400), JSON.stringify(bad).slice(0, 100))
      }
      t.match((await send('PATCH', `/Users/${user.id}`, { Operations: [] })).body, errorOf(400))
      t.match((await send('PATCH', `/Users/${user.id}`, { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations: [null] })).body, errorOf(400))
      t.match((await send('PATCH', `/Users/${user.id}`)).body, errorOf(400, 'invalidSyntax'))
    })

    t.test('replacing the members of a group, with or without a path -> exactly these are its members', async (t) => {
      for (const path of [undefined, 'members']) {
        const group = await createGroup({ members: [{ value: 'a' }, { value: 'b', display: 'B' }] })
        const replace = (members: object[]) => path === undefined
          ? { op: 'replace', value: { members, id: group.id, schemas: group.schemas, displayName: group.displayName } }
          : { op: 'Replace', path, value: members }
        for (const members of [[{ value: 'b' }], [{ value: 'b' }, { value: 'c' }], [{ value: 'd' }, { value: 'd' }], []]) {
          const expected = [...new Set(members.map(({ value }) => value))]
          const patched = await patch(group, replace(members))
          t.strictSame(memberValues(patched), expected, JSON.stringify(members))
          t.equal(patched.displayName, group.displayName)
        }
      }
    })

    t.test('removing a member by its id -> that one is gone, whatever else is stored of it', async (t) => {
      for (const operation of [
        (value: string) => ({ op: 'Remove', path: 'members', value: [{ value }] }),
        (value: string) => ({ op: 'Remove', path: 'members', value: [{ value, display: 'someone', type: 'Group', $ref: null }] }),
        (value: string) => ({ op: 'remove', path: 'members', value: { value } }),
        (value: string) => ({ op: 'remove', path: 'members', value }),
        (value: string) => ({ op: 'remove', path: `members[value eq "${value}"]` }),
        (value: string) => ({ op: 'remove', path: `urn:ietf:params:scim:schemas:core:2.0:Group:members[value eq "${value}"]` })
      ]) {
        const group = await createGroup({ members: [{ value: 'a', display: 'Ann', type: 'User' }, { value: 'b', display: 'Bob' }, { value: 'c' }] })
        t.strictSame(memberValues(await patch(group, operation('a'))), ['b', 'c'], JSON.stringify(operation('a')))
        t.strictSame(memberValues(await patch(group, operation('a'))), ['b', 'c'], 'again')
        t.strictSame(memberValues(await patch(group, operation('c'), operation('b'))), [], 'the rest')
      }
    })

    t.test('removing members without naming one -> all are removed only if no value is sent', async (t) => {
      const group = await createGroup({ members: [{ value: 'a' }, { value: 'b' }] })
      t.strictSame(memberValues(await patch(group, { op: 'Remove', path: 'members', value: [] })), ['a', 'b'])
      t.match((await rejectedPatch(group, { op: 'Remove', path: 'members', value: [{ display: 'A' }] })).body, errorOf(400, 'invalidValue'))
      t.match((await rejectedPatch(group, { op: 'Remove', path: 'members', value: [{}] })).body, errorOf(400, 'invalidValue'))
      t.strictSame(memberValues(await patch(group, { op: 'Remove', path: 'members' })), [])
    })

    t.test('adding a member again -> it is there once', async (t) => {
      const group = await createGroup({ members: [{ value: 'a', display: 'Ann', $ref: '/scim/Users/a' }] })
      for (const value of [[{ value: 'a' }], [{ value: 'a', $ref: null }], { value: 'a', type: 'User' }, 'a', [{ value: 'b' }, { value: 'b' }]]) {
        await patch(group, { op: 'Add', path: 'members', value })
      }
      const { members } = await patch(group, { op: 'add', value: { members: [{ value: 'a' }, { value: 'c' }] } })
      t.strictSame(members, [{ value: 'a', display: 'Ann', $ref: '/scim/Users/a', type: 'User' }, { value: 'b' }, { value: 'c' }])
      t.strictSame(memberValues(await createGroup({ members: [{ value: 'a' }, { value: 'a' }] })), ['a'], 'POST')
    })

    t.test('a change that is none -> 204, and the time of the last change stays', async (t) => {
      const group = await createGroup({ members: [{ value: 'a', type: 'User' }] })
      for (const operation of [{ op: 'add', path: 'members', value: [{ value: 'a' }] }, { op: 'replace', value: { displayName: group.displayName } }]) {
        t.equal((await send('PATCH', `/Groups/${group.id}`, patchOp(operation))).status, 204)
      }
      t.strictSame(await patch(group, { op: 'remove', path: 'members[value eq "b"]' }), group)
    })

    t.test('a filter in another letter case -> the resource, if the schema does not say caseExact', async (t) => {
      const { id } = await createUser({ userName: 'Ann@example.com', externalId: 'Ext-1', displayName: 'Ann Example', emails: [{ value: 'Ann@work.example', type: 'work' }] })
      const group = await createGroup({ displayName: 'Case Admins' })
      for (const filter of [
        'userName eq "ann@example.com"', 'USERNAME Eq "ANN@EXAMPLE.COM"', 'displayName eq "ann example"', 'displayName co "N EX"', 'userName sw "ANN@" and active eq true',
        'emails[type eq "work"].value eq "ANN@WORK.EXAMPLE"', 'emails.value ew "WORK.EXAMPLE"', 'externalId eq "Ext-1"', `id eq "${id}"`
      ]) t.strictSame(await names(filter), ['Ann@example.com'], filter)
      for (const filter of ['externalId eq "ext-1"', 'externalId eq "EXT-1" and active eq true', `id eq "${id.toUpperCase()}"`]) t.strictSame(await names(filter), [], filter)
      t.match((await list('/Groups', { filter: 'displayName eq "case ADMINS"' })).body.Resources, [{ id: group.id }])
      t.match(await send('POST', '/Users', { schemas: [userSchema], userName: 'ANN@example.com' }), { status: 409, body: errorOf(409, 'uniqueness') })
      t.match(await send('POST', '/Groups', { schemas: group.schemas, displayName: 'CASE admins' }), { status: 409, body: errorOf(409, 'uniqueness') })
      const other = await createGroup()
      t.match(await send('PATCH', `/Groups/${other.id}`, patchOp({ op: 'replace', path: 'displayName', value: 'CASE admins' })), { status: 409, body: errorOf(409, 'uniqueness') })
      t.strictSame((await send('GET', `/Groups/${other.id}`)).body, other, 'it keeps its name')
    })

    t.test('a filter on an attribute that some resources lack -> 200 with those that match', async (t) => {
      await createUser({ userName: 'bare' })
      await createUser({
        userName: 'full',
        name: { familyName: 'Fuller' },
        title: 'Head of "Research" and (a) [b]',
        emails: [{ value: 'full@work.example', type: 'work', primary: true }, { value: 'full@home.example', type: 'home' }],
        [enterprise]: { department: 'Research', manager: { value: 'm-1' } }
      })
      for (const filter of [
        'emails[type eq "work"].value eq "FULL@work.example"', 'emails eq "full@home.example"', 'emails[type eq "work" and value co "full"]', 'emails[primary eq "True"].value eq "full@work.example"',
        'name.familyName eq "fuller"', 'title eq "Head of \\"Research\\" and (a) [b]"', '(title co "and (a)" or title eq "x") and userName eq "full"', 'title pr and userName pr and not (userName eq "bare") and userName co "ul"',
        `${userSchema}:userName eq "FULL"`, `${userSchema}:name.familyName eq "Fuller"`, `${userSchema}:emails[type eq "work"].value eq "full@work.example"`,
        `${enterprise}:department eq "research"`, `${enterprise}:manager.value eq "m-1"`, `${enterprise}:manager eq "m-1"`, 'emails[type eq "home"].value pr and userName eq "full"'
      ]) t.strictSame(await names(filter), ['full'], filter)
      for (const filter of ['emails[type eq "work"].value eq "full@home.example"', 'photos.value eq "x"', 'emails[type eq "x"].value eq "y"', 'title eq "Head of"', 'nickName eq null and userName eq "none"']) {
        t.strictSame(await names(filter), [], filter)
      }
      t.strictSame(await names('title eq null and userName eq "bare"'), ['bare'])
      t.strictSame(await names('meta.created gt "2020-01-01T00:00:00Z" and userName eq "bare"'), ['bare'])
      t.strictSame(await names('meta.created lt "2020-01-01T00:00:00Z"'), [])

      const group = await createGroup({ members: [{ value: 'm-2' }] })
      for (const filter of ['members.value eq "m-2"', 'members[value eq "m-2"]', 'members eq "m-2"', `id eq "${group.id}" and members eq "m-2"`]) {
        t.match((await list('/Groups', { filter })).body, { totalResults: 1, Resources: [{ id: group.id }] }, filter)
      }
    })

    t.test('a filter that cannot be evaluated -> 400 invalidFilter without internals', async (t) => {
      for (const filter of [
        'userName', 'userName eq', 'userName is "a"', 'eq "a"', 'absent eq "a"', 'name.absent eq "a"', 'emails[type', 'emails[absent eq "a"]', 'active gt true', 'name eq "a"', 'userName eq "\\x"',
        'title gt null', 'userName np'
      ]) {
        const { status, body } = await list('/Users', { filter })
        t.match({ status, body }, { status: 400, body: errorOf(400, 'invalidFilter') }, filter)
        t.notMatch(body.detail, /undefined|TypeError|properties of|is not a function/, filter)
      }
    })

    t.test('pages of a list -> each resource once, in a stable order, with what is returned as itemsPerPage', async (t) => {
      for (let i = 0; i < 5; i++) await createUser({ title: 'paged' })
      const filter = 'title eq "paged"'
      const page = async (parameters: Record<string, string>) => {
        const { totalResults, startIndex, itemsPerPage, Resources } = (await list('/Users', parameters)).body
        t.equal(Resources.length, itemsPerPage)
        return { totalResults, startIndex, itemsPerPage, ids: Resources.map(({ id }: { id: string }) => id) }
      }
      const whole = await page({ filter })
      t.match(whole, { totalResults: 5, startIndex: 1, itemsPerPage: 5 })
      t.strictSame(await page({ filter, startIndex: '2', count: '2' }), { totalResults: 5, startIndex: 2, itemsPerPage: 2, ids: whole.ids.slice(1, 3) })
      t.strictSame(await page({ filter, startIndex: '5', count: '2' }), { totalResults: 5, startIndex: 5, itemsPerPage: 1, ids: whole.ids.slice(4) })
      for (const parameters of [{ startIndex: '6' }, { startIndex: '1000', count: '2' }]) {
        t.match(await page({ filter, ...parameters }), { totalResults: 5, itemsPerPage: 0, ids: [] })
      }
      t.match(await page({ filter, count: '0' }), { totalResults: 5, itemsPerPage: 0 })
      t.match(await page({ filter, count: '-1', startIndex: '-1' }), { totalResults: 5, startIndex: 1, itemsPerPage: 0 })

      const all = await page({})
      t.equal(all.totalResults, all.itemsPerPage)
      const pages = []
      for (let startIndex = 1; startIndex <= all.totalResults; startIndex += 7) pages.push(...(await page({ startIndex: String(startIndex), count: '7' })).ids)
      t.strictSame(pages, all.ids)
      t.match(await page({ startIndex: String(all.totalResults + 1) }), { totalResults: all.totalResults, itemsPerPage: 0 })
      t.strictSame((await page({ filter, sortBy: 'meta.created', sortOrder: 'descending', count: '2' })).ids, whole.ids.toReversed().slice(0, 2))
    })

    t.test('a list of one and the resource itself -> the same', async (t) => {
      const user = await createUser({ name: { givenName: 'Ann' }, emails: [{ value: 'same@example.com' }], [enterprise]: { department: 'R' } })
      const parameters = [{}, { attributes: 'emails' }, { attributes: 'emails[type eq "work"]' }, { excludedAttributes: 'emails,name' }, { attributes: `${enterprise}:department` }]
      for (const parameter of parameters as Record<string, string>[]) {
        const [listed] = (await list('/Users', { filter: `id eq "${user.id}"`, ...parameter })).body.Resources
        t.strictSame(listed, (await list(`/Users/${user.id}`, parameter)).body, JSON.stringify(parameter))
      }
      t.match((await list('/Users', { filter: `id eq "${user.id}"`, aadOptscim062020: '' })).body, { totalResults: 1 }, 'a flag of the tenant URL')
    })

    t.test('null in a resource -> as if it was absent', async (t) => {
      const nulls = { phoneNumbers: null, emails: [null], displayName: null, name: { givenName: 'Ann', familyName: null }, addresses: [{ type: 'work', country: null, locality: 'X' }], [enterprise]: { manager: null, department: 'R' } }
      const user = await createUser(nulls)
      t.strictSame(Object.keys(user).filter((key) => ['phoneNumbers', 'emails', 'displayName'].includes(key)), [])
      t.strictSame([user.name, user.addresses, user[enterprise]], [{ givenName: 'Ann' }, [{ locality: 'X', type: 'work' }], { department: 'R' }])
      const { status, body } = await send('PUT', `/Users/${user.id}`, { schemas: [userSchema], userName: user.userName, ...nulls })
      t.match({ status, body }, { status: 200, body: { name: { givenName: 'Ann' }, phoneNumbers: undefined } })
      t.match(await send('POST', '/Users', { schemas: [userSchema], userName: null }), { status: 400, body: errorOf(400, 'invalidValue') })
    })

    t.test('null in an operation -> the attribute is removed', async (t) => {
      const user = await createUser({ nickName: 'A', title: 'T', name: { givenName: 'Ann', familyName: 'Lee' }, phoneNumbers: [{ value: '1', type: 'work' }], emails: [{ value: 'n@example.com', type: 'work' }] })
      const patched = await patch(
        user,
        { op: 'Replace', path: 'nickName', value: null },
        { op: 'Replace', path: null, value: { title: null, name: { familyName: null }, phoneNumbers: null } },
        { op: 'Add', path: 'emails', value: null },
        { op: 'Replace', path: 'emails[type eq "home"].value', value: null }
      )
      t.strictSame([patched.nickName, patched.title, patched.name, patched.phoneNumbers, patched.emails], [undefined, undefined, { givenName: 'Ann' }, undefined, user.emails])
    })

    t.test('the manager as a string -> the manager with this id', async (t) => {
      const user = await createUser({ schemas: [userSchema, enterprise], [enterprise]: { manager: 'm-1' } })
      t.strictSame(user[enterprise], { manager: { value: 'm-1' } })
      t.strictSame((await createUser({ [`${enterprise}:manager`]: 'm-1' }))[enterprise], { manager: { value: 'm-1' } })
      await patch(user, { op: 'Add', path: `${enterprise}:manager.displayName`, value: 'Mona' })
      for (const [operation, manager] of [
        [{ op: 'Replace', path: `${enterprise}:manager`, value: 'm-2' }, { value: 'm-2' }],
        [{ op: 'replace', value: { [`${enterprise}:manager`]: 'm-3', [`${enterprise}:department`]: 'R' } }, { value: 'm-3' }],
        [{ op: 'replace', value: { [enterprise]: { manager: 'm-4' } } }, { value: 'm-4' }],
        [{ op: 'add', path: enterprise, value: { Manager: { Value: 'm-5', DisplayName: 'Max' } } }, { value: 'm-5', displayName: 'Max' }],
        [{ op: 'Remove', path: `${enterprise}:manager` }, undefined]
      ] as const) t.strictSame((await patch(user, operation))[enterprise].manager, manager, JSON.stringify(operation))
      const removed = await patch(user, { op: 'remove', path: `${enterprise}:department` })
      t.strictSame([removed[enterprise], removed.schemas], [undefined, [userSchema]])
      t.strictSame((await patch(user, { op: 'add', path: `${enterprise}:department`, value: 'S' })).schemas, [userSchema, enterprise])
      t.strictSame((await patch(user, { op: 'remove', path: enterprise }))[enterprise], undefined)
      t.match(await send('POST', '/Users', { schemas: [userSchema], userName: 'x', name: 'Ann' }), { status: 400, body: errorOf(400, 'invalidValue') }, 'a name has no value')
    })

    t.test('replacing one part of a name -> the other parts stay', async (t) => {
      const name = { formatted: 'Ann Lee', familyName: 'Lee', givenName: 'Ann', middleName: 'B' }
      const user = await createUser({ name })
      for (const operation of [
        { op: 'replace', path: 'name', value: { familyName: 'Fox' } },
        { op: 'replace', value: { name: { familyName: 'Fox' } } },
        { op: 'replace', value: { 'name.familyName': 'Fox' } },
        { op: 'Replace', path: 'NAME.FamilyName', value: 'Fox' },
        { op: 'add', path: 'name', value: { familyName: 'Fox' } }
      ]) {
        t.strictSame((await patch(user, operation)).name, { ...name, familyName: 'Fox' }, JSON.stringify(operation))
        await patch(user, { op: 'replace', path: 'name', value: name })
      }
      t.strictSame((await patch(user, { op: 'remove', path: 'name.middleName' })).name, { formatted: 'Ann Lee', familyName: 'Lee', givenName: 'Ann' })
      t.equal((await patch(user, { op: 'remove', path: 'name' })).name, undefined)
      t.strictSame((await patch(user, { op: 'replace', path: 'name.givenName', value: 'Ann' })).name, { givenName: 'Ann' })
    })

    t.test('DELETE with any content type and no body -> 204', async (t) => {
      for (const contentType of ['application/scim+json', 'application/json; charset=utf-8', 'application/x-www-form-urlencoded', 'text/xml', 'multipart/form-data', 'garbage']) {
        const { id } = await createUser()
        t.equal((await send('DELETE', `/Users/${id}`, undefined, contentType)).status, 204, contentType)
        t.equal((await send('GET', `/Users/${id}`, undefined, contentType)).status, 404)
      }
      const { id } = await createUser()
      const deletion = request(`${url}/scim/Users/${id}`, { method: 'DELETE', headers: { authorization, 'content-type': 'application/x-www-form-urlencoded', 'content-length': 0 } }).end()
      const [response] = await once(deletion, 'response')
      t.equal(response.resume().statusCode, 204, 'with a Content-Length of 0')
      t.match(await send('POST', '/Users', 'userName=a', 'application/x-www-form-urlencoded'), { status: 415, body: errorOf(415) }, 'a body that is not JSON')
    })

    t.test('a slash at the end or two in a row -> the same resources', async (t) => {
      const { id, userName } = await createUser()
      const filter = new URLSearchParams({ filter: `userName eq "${userName}"` })
      for (const resource of [`/Users/?${filter}`, `//Users?${filter}`, `//Users/?${filter}`]) {
        t.match(await send('GET', resource), { status: 200, body: { Resources: [{ id }] } }, resource)
      }
      t.match(await send('GET', `//Users/${id}/`), { status: 200, body: { id } })
      t.match(await send('GET', '//ServiceProviderConfig/'), { status: 200 })
      t.equal((await fetch(`${url}/scim//Users/`)).status, 401, 'without the token')
    })

    t.test('deleting a user or a group -> it is not a member of any group, and the other members stay', async (t) => {
      const [ann, bob] = [await createUser(), await createUser()]
      const team = await createGroup({ members: [{ value: ann.id, display: 'Ann', type: 'User' }, { display: 'without an id' }, { value: bob.id }] })
      const alone = await createGroup({ members: [{ value: ann.id }] })
      const parent = await createGroup({ members: [{ value: team.id, type: 'Group' }, { value: bob.id }] })
      const read = async ({ id }: { id: string }) => (await send('GET', `/Groups/${id}`)).body

      await send('DELETE', `/Users/${ann.id}`)
      t.strictSame((await read(team)).members, [{ display: 'without an id' }, { value: bob.id }])
      t.ok((await read(team)).meta.lastModified > team.meta.lastModified)
      t.strictSame(memberValues(await read(alone)), [])
      t.strictSame(await read(parent), parent)
      t.match((await list('/Groups', { filter: `members.value eq "${ann.id}"` })).body, { totalResults: 0 })

      await send('DELETE', `/Groups/${team.id}`)
      t.strictSame(memberValues(await read(parent)), [bob.id])
      t.match((await send('GET', `/Users/${bob.id}`)).status, 200)
    })

    t.test('members are removed while users are deleted -> no request fails, none of them stays', async (t) => {
      const users = await Promise.all(Array.from({ length: 12 }, () => createUser()))
      const groups = await Promise.all(Array.from({ length: 4 }, (_, i) => createGroup({ members: (i % 2 ? users : users.toReversed()).map(({ id }) => ({ value: id })) })))
      const statuses = await Promise.all(users.flatMap(({ id }, i) => [
        send('DELETE', `/Users/${id}`),
        send('PATCH', `/Groups/${groups[i % 4].id}`, patchOp({ op: 'add', path: 'members', value: [{ value: `stays-${i}` }] }))
      ]))
      t.strictSame(new Set(statuses.map(({ status }) => status)), new Set([204, 200]))
      for (const { id } of groups) {
        const members = memberValues((await send('GET', `/Groups/${id}`)).body)
        t.strictSame(members.filter((value) => !value.startsWith('stays-')), [])
        t.equal(members.length, 3)
      }
    })
  })
}

function memberValues ({ members = [] }: { members?: { value: string }[] }): string[] {
  return members.map(({ value }) => value)
}
