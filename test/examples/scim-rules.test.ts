import t from 'tap'
import { databases, enterprise, errorOf, groupSchema, patchOp, startProvider, userSchema } from '../helpers/scim-provider.ts'

for (const database of databases) {
  t.test(`on the ${database} database`, async (t) => {
    const { url, authorization, send, list, create, patch, rejectedPatch } = await startProvider(t, database)
    let count = 0
    const createUser = (attributes: object = {}) => create('/Users', { userName: `rules-${++count}@example.com`, ...attributes })
    const createGroup = (attributes: object = {}) => create('/Groups', { displayName: `Rules ${++count}`, ...attributes })

    // Each user has a nickName of the test, so that tests do not see each other's.
    const people = [
      { userName: 'k-a', title: 'T1', active: true, name: { givenName: 'N' }, emails: [{ value: 'a@work.example', type: 'work' }, { value: 'a@home.example', type: 'home' }] },
      { userName: 'k-b', title: 'T2', active: false, name: { familyName: 'F' }, emails: [{ value: 'b@work.example', type: 'work' }], [enterprise]: { department: 'R' } },
      { userName: 'k-c', active: true, emails: [{ value: 'c@home.example', type: 'home' }] },
      { userName: 'k-d', title: 'T3', name: { givenName: 'O' } }
    ]
    for (const person of people) await create('/Users', { nickName: 'rules', ...person })
    const matching = async (filter: string) => {
      const { status, body } = await list('/Users', { filter: `nickName eq "rules" and (${filter})` })
      return status === 200 ? body.Resources.map(({ userName }: { userName: string }) => userName).join() : `${status} ${body.scimType}`
    }

    t.test('groups, in any depth and beside other conditions -> the resources that the filter selects', async (t) => {
      for (const [filter, names] of [
        ['userName eq "k-a" and (title eq "T1" or title eq "T2") and active eq true', 'k-a'],
        ['(title eq "T1" or title eq "T2") and active eq false', 'k-b'],
        ['title eq "T1" or title eq "T2" and active eq true', 'k-a'],
        ['active eq true and (title eq "T1" or (name.givenName eq "O" or not (title pr)))', 'k-a,k-c'],
        ['((userName eq "k-a"))', 'k-a'],
        ['(((title eq "T3")) or ((userName eq "k-c")))', 'k-c,k-d'],
        ['not (not (userName eq "k-b"))', 'k-b'],
        ['not (title eq "T1" or active eq true)', 'k-b,k-d'],
        ['not (title pr and (active eq true or name.familyName pr))', 'k-c,k-d'],
        ['NOT(title pr)', 'k-c']
      ] as const) t.equal(await matching(filter), names, filter)
    })

    t.test('"not", "ne" and several conditions on parts -> the complement, and each condition on any value', async (t) => {
      for (const [filter, names] of [
        ['not (emails[type eq "work"])', 'k-c,k-d'],
        ['not (name.givenName pr)', 'k-b,k-c'],
        ['not (emails.value pr)', 'k-d'],
        ['not (emails pr)', 'k-d'],
        ['emails[type eq "work"] and emails[type eq "home"]', 'k-a'],
        ['emails.type eq "home" and emails.value eq "a@work.example"', 'k-a'],
        ['emails[type eq "home" and value eq "a@work.example"]', ''],
        ['emails[type eq "home"].value eq "a@work.example"', ''],
        ['emails[type eq "work" or value sw "c@"].value co "example"', 'k-a,k-b,k-c'],
        ['emails[not (type eq "work")]', 'k-a,k-c'],
        ['name.givenName ne "N"', 'k-b,k-c,k-d'],
        ['title ne "T1"', 'k-b,k-c,k-d'],
        ['emails.type ne "work"', 'k-a,k-c,k-d'],
        [`not (${enterprise}:department pr)`, 'k-a,k-c,k-d'],
        [`${enterprise}:department ne "R"`, 'k-a,k-c,k-d']
      ] as const) t.equal(await matching(filter), names, filter)
    })

    t.test('a malformed filter -> 400 invalidFilter', async (t) => {
      for (const filter of [
        '', ' ', '()', 'emails[]', 'userName pr "x"', 'userName pr and', 'userName pr or', 'userName pr and ()', 'and', 'or userName pr', 'not', 'not userName pr', 'userName pr not (title pr)',
        '(userName pr', 'userName pr)', 'emails[type pr', 'emails[type eq "work"].', 'emails[type eq "work"].value', 'emails[type eq "work"] .value pr', 'userName eq "a" "b"', 'userName eq"a"', 'userName eq "a', 'userName eq \'a\'',
        'userName eq "\n"', 'userName eq "\\u00"', 'userName eq "\\u0000"', 'userName eq and', 'active eq True', 'active eq yes', 'active eq "yes"', 'active eq 1', 'active co "tru"', 'userName eq true', 'userName eq 5',
        'meta.created gt "yesterday"', 'groups.value eq "x"', 'groups pr', 'groups[value eq "x"]', 'password pr', 'password sw "a"', 'x509Certificates.value gt "a"', 'name eq "N"', 'addresses eq "x"', 'emails.value.x eq "a"', '"a" eq userName'
      ]) {
        const { status, body } = await list('/Users', { filter })
        t.match({ status, body }, { status: 400, body: errorOf(400, 'invalidFilter') }, JSON.stringify(filter))
      }
    })

    t.test('a malformed filter in a path -> 400 invalidFilter, and all members stay', async (t) => {
      const group = await createGroup({ members: [{ value: 'a', type: 'User', display: 'x' }, { value: 'b', type: 'User', display: 'y' }] })
      for (const filter of ['()', 'value pr "a"', 'value pr and', 'value pr or ()', 'not value pr', 'value eq "a', 'value eq "a" or', 'absent pr', 'value', 'value eq True and', '(', ')']) {
        t.match((await rejectedPatch(group, { op: 'remove', path: `members[${filter}]` })).body, errorOf(400, 'invalidFilter'), filter)
      }
      for (const path of ['members[]x', 'members[value pr].absent', 'members[value pr]]', 'members[value pr].value.x', 'displayName[value pr]', 'meta[created pr]', '[value pr]', '.', 'members.', '', 'absent', 'name.familyName', 'members[value pr][value pr]']) {
        t.equal((await rejectedPatch(group, { op: 'replace', path, value: 'x' })).body.status, '400', path)
      }
    })

    t.test('a grouped filter in a path -> exactly the selected values are changed', async (t) => {
      const members = ['a', 'b', 'c'].map((value) => ({ value, type: 'User', display: value === 'a' ? 'x' : 'y' }))
      const values = ({ members = [] }: { members?: { value: string }[] }) => members.map(({ value }) => value).join('')
      for (const [filter, left] of [
        ['type eq "User" and (value eq "a" or value eq "b") and display eq "x"', 'bc'],
        ['(value eq "a" or value eq "b") and not (display eq "x")', 'ac'],
        ['not (value eq "a" or value eq "b")', 'ab'],
        ['((value eq "b"))', 'ac'],
        ['value eq "a" and value eq "b"', 'abc']
      ] as const) {
        const group = await createGroup({ members })
        t.equal(values(await patch(group, { op: 'remove', path: `members[${filter}]` })), left, filter)
      }
      const emails = [{ value: 'a@example.com', type: 'work' }, { value: 'b@example.com', type: 'home' }]
      const user = await createUser({ emails })
      t.match((await rejectedPatch(user, { op: 'replace', path: 'emails[type eq "work" and (value eq "x" or value eq "y") and value pr].value', value: 'z' })).body, errorOf(400, 'noTarget'))
      t.strictSame((await patch(user, { op: 'replace', path: 'emails[type eq "home" and (value eq "x" or value sw "b")].value', value: 'z' })).emails, [emails[0], { value: 'z', type: 'home' }])
      const group = await createGroup({ members })
      t.match((await rejectedPatch(group, { op: 'replace', path: 'members[value eq "a"].value', value: 'z' })).body, errorOf(400, 'mutability'))
    })

    t.test('sortBy and sortOrder in any letter case, of a part, with a URN -> sorted; anything else -> 400', async (t) => {
      const sorted = async (parameters: Record<string, string>) => {
        const { status, body } = await list('/Users', { filter: 'nickName eq "rules"', ...parameters })
        return status === 200 ? body.Resources.map(({ userName }: { userName: string }) => userName.slice(2)).join('') : status
      }
      for (const [sortBy, sortOrder, expected] of [
        ['title', 'descending', 'cdba'], ['title', 'DESCENDING', 'cdba'], ['title', 'Ascending', 'abdc'], ['TITLE', 'ascending', 'abdc'], [`${userSchema}:title`, 'ascending', 'abdc'],
        ['name.givenName', 'ascending', 'adbc'], ['NAME.givenname', 'descending', 'bcda'], ['emails.value', 'descending', 'dcba'], ['emails', 'ascending', 'abcd'], [`${enterprise}:department`, 'ascending', 'bacd'],
        ['meta.created', 'descending', 'dcba'], ['title', 'desc', 400], ['title', '', 400], ['absent', 'ascending', 400], ['name', 'ascending', 400], ['password', 'ascending', 400], ['', 'ascending', 400], ['__proto__.x', 'ascending', 400]
      ] as const) t.equal(await sorted({ sortBy, sortOrder }), expected, `${sortBy} ${sortOrder}`)
      for (const query of ['sortBy=title&sortOrder=ascending&sortOrder=ascending', 'sortOrder=desc', 'sortBy=title&sortBy=title', 'filter=userName%20pr&filter=userName%20pr']) {
        t.match(await send('GET', `/Users?${query}`), { status: 400, type: /scim\+json/ }, query)
      }
    })

    t.test('a PATCH without a change and with attributes -> 200 with these', async (t) => {
      const user = await createUser({ title: 'T', emails: [{ value: 'p@example.com' }] })
      const same = patchOp({ op: 'replace', path: 'title', value: 'T' })
      t.strictSame(await send('PATCH', `/Users/${user.id}?attributes=title`, same).then(({ status, body }) => [status, body]), [200, { schemas: [userSchema], id: user.id, title: 'T' }])
      t.match(await send('PATCH', `/Users/${user.id}?excludedAttributes=title`, same), { status: 200, body: { title: undefined, emails: user.emails } })
      t.equal((await send('PATCH', `/Users/${user.id}`, same)).status, 204)
    })

    t.test('lists of attributes with the core URN, of parts, in any letter case -> exactly these', async (t) => {
      const user = await createUser({ title: 'T', name: { givenName: 'G', familyName: 'F' }, emails: [{ value: 'l@example.com', type: 'work' }], [enterprise]: { department: 'R', division: 'D' } })
      const always = { schemas: [userSchema, enterprise], id: user.id }
      const read = async (parameters: Record<string, string>) => (await list(`/Users/${user.id}`, parameters)).body
      for (const [attributes, expected] of [
        [`${userSchema}:title`, { title: 'T' }],
        [`${userSchema}:name.givenName`, { name: { givenName: 'G' } }],
        [`${userSchema.toUpperCase()}:NAME.GIVENNAME,TITLE`, { name: { givenName: 'G' }, title: 'T' }],
        ['emails.value', { emails: [{ value: 'l@example.com' }] }],
        [`${enterprise}:department`, { [enterprise]: { department: 'R' } }],
        [enterprise, { [enterprise]: { department: 'R', division: 'D' } }],
        ['absent,__proto__.x,constructor,groups', {}]
      ] as const) t.strictSame(await read({ attributes }), { ...always, ...expected }, attributes)

      const { title, name, emails, [enterprise]: extension, ...rest } = user
      for (const [excludedAttributes, expected] of [
        [`${userSchema}:title`, { name, emails, [enterprise]: extension }],
        [`${userSchema}:name.givenName,emails.type`, { title, name: { familyName: 'F' }, emails: [{ value: 'l@example.com' }], [enterprise]: extension }],
        [`id,schemas,${enterprise}:department,title`, { name, emails, [enterprise]: { division: 'D' } }],
        [`${enterprise},name,emails.value,emails.type`, { title }]
      ] as const) t.strictSame(await read({ excludedAttributes }), { ...rest, ...expected }, excludedAttributes)
    })

    t.test('a name that is blank, two primary values -> 400, and nothing is stored', async (t) => {
      const user = await createUser()
      const primary = (value: string) => ({ value, primary: true })
      for (const attributes of [{ userName: '' }, { userName: ' \t' }, { USERNAME: '' }, { emails: [primary('a'), primary('b')] }, { phoneNumbers: [primary('1'), { value: '2', primary: 'True' }] }]) {
        const body = { schemas: [userSchema], userName: `blank-${++count}`, ...attributes }
        t.match(await send('POST', '/Users', body), { status: 400, body: errorOf(400, 'invalidValue') }, JSON.stringify(attributes))
        t.match(await send('PUT', `/Users/${user.id}`, body), { status: 400, body: errorOf(400, 'invalidValue') })
        t.match((await list('/Users', { filter: `userName eq "blank-${count}"` })).body, { totalResults: 0 })
      }
      t.strictSame((await send('GET', `/Users/${user.id}`)).body, user)
      await rejectedPatch(user, { op: 'replace', path: 'userName', value: ' ' })
      await rejectedPatch(user, { op: 'add', path: 'emails', value: [primary('a'), primary('b')] })
      t.match(await send('POST', '/Groups', { schemas: [groupSchema], displayName: '' }), { status: 400, body: errorOf(400, 'invalidValue') })
    })

    t.test('filters on meta and schemas -> the resources that have them', async (t) => {
      for (const filter of [
        'meta.resourceType eq "User"', 'meta.resourceType pr', 'meta.location pr', 'meta.location co "/Users/"', 'meta pr', `schemas eq "${userSchema}"`, `${userSchema}:userName pr`, 'meta.lastModified ge "2020-01-01T00:00:00Z"', 'meta.created sw "20"'
      ]) t.equal(await matching(filter), 'k-a,k-b,k-c,k-d', filter)
      t.equal(await matching(`schemas eq "${enterprise}"`), 'k-b')
      for (const filter of ['meta.resourceType eq "user"', 'meta.resourceType eq "Group"', 'meta.location eq "x"']) t.equal(await matching(filter), '', filter)
    })

    t.test('/Me, a malformed URL, a long id, an unknown path -> a SCIM error', async (t) => {
      for (const path of ['/Me', '/Me/x']) t.match(await send('GET', path), { status: 501, type: /scim\+json/, body: errorOf(501) })
      for (const [path, status] of [['/Users/%zz', 400], ['/Groups/%E0%A4%A', 400], [`/Users/${'x'.repeat(101)}`, 404], [`/Users/${'x'.repeat(5000)}`, 404], ['/Users/%00', 404], ['/Users/a/b', 404], ['', 404]] as const) {
        t.match(await send('GET', path), { status, type: /scim\+json/, body: errorOf(status) }, path.slice(0, 20))
      }
      const elsewhere = await fetch(`${url}/%zz`)
      t.match([elsewhere.status, elsewhere.headers.get('content-type')], [400, /^application\/json/], 'other routes have an error of their own')
      t.match((await fetch(`${url}/scim/Users/absent`, { headers: { authorization } })).status, 404)
    })

    t.test('a member with an odd $ref, values too long for an index, deep nesting -> stored, or 400', async (t) => {
      for (const $ref of ['not a url', '', null, 5, {}, ['x'], { __proto__: 1 }]) {
        const group = await createGroup({ members: [{ value: 'a', $ref }, { value: 'b' }] })
        t.equal(group.members.length, 2, JSON.stringify($ref))
      }
      const long = 'x'.repeat(20_000)
      const user = await createUser({ userName: long, displayName: long, externalId: long })
      t.strictSame((await send('GET', `/Users/${user.id}`)).body, user)
      t.match(await send('POST', '/Users', { schemas: [userSchema], userName: long.toUpperCase() }), { status: 409, body: errorOf(409, 'uniqueness') })
      const deep = '['.repeat(5000) + ']'.repeat(5000)
      const nested = (text: string) => `{"schemas":["${userSchema}"],"userName":"deep-${++count}",${text}}`
      t.equal((await send('POST', '/Users', nested(`"absent":${deep}`))).status, 201)
      for (const text of [`"title":${deep}`, `"emails":${deep}`, `"name":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)},"active":${deep}`]) {
        t.match(await send('POST', '/Users', nested(text)), { status: 400 }, text.slice(0, 20))
      }
      t.match(await send('PATCH', `/Users/${user.id}`, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":${deep},"path":"title","value":"x"}]}`), { status: 400, body: errorOf(400, 'invalidSyntax') })
      t.match(await send('GET', `/Users?filter=${'('.repeat(5000)}userName%20pr${')'.repeat(5000)}`), { status: 400, body: errorOf(400, 'invalidFilter') })
    })

    t.test('letters beyond ASCII in another letter case -> the same name', async (t) => {
      await createUser({ userName: 'ÄNNE@example.com' })
      t.match((await list('/Users', { filter: 'userName eq "änne@EXAMPLE.com"' })).body, { totalResults: 1 })
      t.equal((await send('POST', '/Users', { schemas: [userSchema], userName: 'änne@example.com' })).status, 409)
    })
  })
}
