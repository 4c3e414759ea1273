import t from 'tap'
import { databases, enterprise, errorOf, groupSchema, patchOp, startProvider, userSchema, type Operation } from '../helpers/scim-provider.ts'

// The rules of scim-rules.test.ts on other attributes and resources, by other methods, and what is near them in the RFCs.
for (const database of databases) {
  t.test(`on the ${database} database`, async (t) => {
    const { url, authorization, send, list, create, patch, rejectedPatch } = await startProvider(t, database)
    let count = 0
    const createUser = (attributes: object = {}) => create('/Users', { userName: `variants-${++count}@example.com`, ...attributes })
    const createGroup = (attributes: object = {}) => create('/Groups', { displayName: `Variants ${++count}`, ...attributes })

    const users = [
      {
        userName: 'a',
        externalId: 'A-1',
        active: true,
        phoneNumbers: [{ value: '1', type: 'work', primary: true }, { value: '2', type: 'fax' }],
        addresses: [{ type: 'home', locality: 'Ulm', country: 'DE' }, { type: 'work', locality: 'Bern' }],
        roles: [{ value: 'editor', primary: true }],
        [enterprise]: { manager: { value: 'm1', displayName: 'Mo' }, costCenter: 'C' }
      },
      { userName: 'b', active: false, phoneNumbers: [{ value: '1', type: 'fax' }], [enterprise]: { manager: { value: 'm2' } } },
      { userName: 'c', externalId: 'C-1', addresses: [{ type: 'work', locality: 'Ulm' }], roles: [{ value: 'viewer' }, { value: 'editor', primary: false }] },
      { userName: 'd', x509Certificates: [{ value: 'QUJD' }] }
    ]
    const groups = [
      { displayName: 'a', externalId: 'G-1', members: [{ value: 'm1', type: 'User', display: 'One' }, { value: 'm2', type: 'Group' }] },
      { displayName: 'b', members: [{ value: 'm1', type: 'User' }] },
      { displayName: 'c' },
      { displayName: 'd', externalId: 'g-1', members: [{ value: 'm3', display: 'One' }] }
    ]
    for (const user of users) await create('/Users', { nickName: 'variants', ...user })
    for (const group of groups) await create('/Groups', group)

    /** Returns the names of the users or groups that match, one letter each, or the error. */
    const find = async (filter: string, collection: '/Users' | '/Groups' = '/Users', parameters: Record<string, string> = {}) => {
      const own = collection === '/Users' ? 'nickName eq "variants"' : 'displayName le "d"'
      const { status, body } = await list(collection, { filter: `${own} and (${filter})`, ...parameters })
      return status === 200 ? body.Resources.map(({ userName, displayName }: { userName?: string, displayName?: string }) => userName ?? displayName).join('') : `${status} ${body.scimType}`
    }

    t.test('groups, "not" and "ne" on addresses, extensions, booleans and members -> the resources that the filter selects', async (t) => {
      for (const [filter, names] of [
        ['addresses[type eq "work" and (locality eq "Ulm" or locality eq "Bern")] and not (active eq true)', 'c'],
        ['(externalId pr or active eq false) and (roles[value eq "editor" and primary eq true] or phoneNumbers pr)', 'ab'],
        [`not (${enterprise}:manager.value eq "m1" or (externalId eq "C-1" and not (active pr)))`, 'bd'],
        ['phoneNumbers[not (type eq "work" or (value eq "1"))]', 'a'],
        ['addresses[((type eq "home")) and not (not (locality sw "u"))]', 'a'],
        ['externalId pr and not(active eq true)or x509Certificates pr', 'cd'],
        [`${enterprise}:costCenter eq "c" or (externalId eq "a-1")`, 'a'],
        ['not (addresses[type eq "work"])', 'bd'],
        ['not (addresses.country pr)', 'bcd'],
        ['not (phoneNumbers[type eq "fax"].value eq "1")', 'acd'],
        ['phoneNumbers.type eq "work" and phoneNumbers.value eq "2"', 'a'],
        ['phoneNumbers[type eq "work" and value eq "2"]', ''],
        ['addresses[type eq "home"] and addresses[locality eq "Bern"]', 'a'],
        [`${enterprise}:manager.displayName ne "Mo"`, 'bcd'],
        [`not (${enterprise}:manager.displayName pr)`, 'bcd'],
        [`${enterprise}:manager ne "M1"`, 'bcd'],
        ['externalId ne "A-1"', 'bcd'],
        ['active ne true', 'bcd'],
        ['active ne null', 'ab'],
        ['roles.primary ne true', 'bcd'],
        ['not (roles.primary pr)', 'bd'],
        ['name eq null', 'abcd'],
        ['addresses ne null', 'ac'],
        ['emails eq null and x509Certificates.value eq "QUJD"', 'd'],
        ['x509Certificates eq "qujd"', '']
      ] as const) t.equal(await find(filter), names, filter)
      for (const [filter, names] of [
        ['not (members[type eq "Group"])', 'bcd'],
        ['not (members.type pr)', 'cd'],
        ['not (members pr)', 'c'],
        ['members ne "m1"', 'acd'],
        ['members.display ne "One"', 'bc'],
        ['members[value eq "m1"] and members[value eq "m2"]', 'a'],
        ['members.value eq "m2" and members.type eq "User"', 'a'],
        ['members[value eq "m2" and type eq "User"]', ''],
        ['(externalId eq "g-1" or externalId eq "G-2") or (members[display eq "ONE" and (type eq "user" or not (type pr))])', 'ad'],
        [`${groupSchema}:members[value eq "m3"].display eq "one"`, 'd'],
        ['not (not (externalId pr)) or displayName eq "B"', 'abd']
      ] as const) t.equal(await find(filter, '/Groups'), names, filter)
    })

    t.test('malformed filters on groups, values and extensions -> 400 invalidFilter; in the path of a PATCH, too', async (t) => {
      for (const filter of ['members[]', 'members[()]', 'members[value]', 'members[value pr "m1"]', 'members[value eq "m1" and]', 'members[value eq "m1" or ()]', '(displayName pr) and ()', 'displayName pr pr', 'not ()', 'members[not]', 'members[value eq m1', 'members.type eq']) {
        t.equal(await find(filter, '/Groups'), '400 invalidFilter', filter)
      }
      for (const filter of ['roles[primary eq True]', 'roles[primary eq FALSE]', 'roles[primary eq 0]', 'roles.primary eq "1"', `${enterprise} pr`, `${enterprise}: pr`, `${enterprise}:manager[value eq "m1"].x pr`, 'addresses[type eq "work"].', 'phoneNumbers[value gt 5]', 'phoneNumbers[phoneNumbers.value pr]', 'addresses[]', 'active pr true', 'active eq', 'active eq "tru"', 'meta.created eq true', 'meta[created pr', 'externalId eq tru e']) {
        t.equal(await find(filter), '400 invalidFilter', filter)
      }
      const user = await createUser({ roles: [{ value: 'x', primary: true }, { value: 'y' }], addresses: [{ type: 'work', locality: 'Ulm' }] })
      for (const path of ['roles[()]', 'roles[]', 'roles[primary eq True]', 'roles[primary eq yes].value', 'roles[value pr "x"]', 'roles[value eq "x" and]', 'addresses[type pr or ()]', 'addresses[not type pr]', 'addresses[type eq "work].locality', 'roles[value eq "\u0000"]']) {
        for (const op of ['remove', 'replace', 'add']) t.equal((await rejectedPatch(user, { op, path, value: op === 'remove' ? undefined : 'z' })).status, 400, `${op} ${path}`)
      }
    })

    t.test('a grouped filter in the path of add, replace and remove -> exactly the selected values are changed', async (t) => {
      const addresses = [{ type: 'work', locality: 'Ulm' }, { type: 'home', locality: 'Ulm' }, { type: 'other', locality: 'Bern', country: 'CH' }]
      const [work, home, other] = addresses
      for (const [operation, expected] of [
        [{ op: 'remove', path: 'addresses[locality eq "ulm" and (type eq "work" or type eq "other")]' }, [home, other]],
        [{ op: 'Remove', path: 'addresses[not (country pr)].type' }, [{ locality: 'Ulm' }, { locality: 'Ulm' }, other]],
        [{ op: 'replace', path: 'addresses[type eq "home" and not (country pr)].country', value: 'DE' }, [work, { ...home, country: 'DE' }, other]],
        [{ op: 'replace', path: 'Addresses[(type eq "work" or type eq "home")]', value: { country: 'DE', locality: null } }, [{ type: 'work', country: 'DE' }, { type: 'home', country: 'DE' }, other]],
        [{ op: 'add', path: `${userSchema}:addresses[((country eq "CH"))]`, value: { region: 'BE' } }, [work, home, { ...other, region: 'BE' }]],
        [{ op: 'add', path: 'addresses[type eq "new"].locality', value: 'Rome' }, [...addresses, { type: 'new', locality: 'Rome' }]],
        [{ op: 'add', value: { 'addresses[type eq "work"].country': 'AT' } }, [{ ...work, country: 'AT' }, home, other]],
        [{ op: 'remove', path: 'addresses[type eq "absent" or country eq "X"]' }, addresses]
      ] as const) t.strictSame((await patch(await createUser({ addresses }), operation)).addresses, expected, JSON.stringify(operation))

      const user = await createUser({ addresses })
      for (const path of ['addresses[type eq "x" or type eq "y"].country', 'addresses[type sw "x"]', 'addresses[not (type pr)].country']) {
        t.match((await rejectedPatch(user, { op: 'replace', path, value: path.endsWith(']') ? { country: 'X' } : 'X' })).body, errorOf(400, 'noTarget'), path)
      }
    })

    t.test('sub-attributes of members cannot be changed -> 400 mutability; members can be removed', async (t) => {
      const group = await createGroup({ members: [{ value: 'a', type: 'User' }, { value: 'a', type: 'Group' }, { value: 'b', $ref: '../Users/b' }] })
      for (const operation of [
        { op: 'remove', path: 'members.value' }, { op: 'remove', path: 'members[value eq "b"].value' }, { op: 'remove', path: 'members.type' }, { op: 'remove', path: 'members[value eq "b"].$ref' },
        { op: 'replace', path: 'members.type', value: 'User' }, { op: 'replace', path: 'members[type eq "User"]', value: { value: 'c' } }, { op: 'replace', path: 'members[type eq "User"]', value: { type: null } }
      ]) t.match((await rejectedPatch(group, operation)).body, errorOf(400, 'mutability'), JSON.stringify(operation))
      t.strictSame((await patch(group, { op: 'remove', path: 'members[value eq "a" and type eq "Group"]' })).members, [{ value: 'a', type: 'User' }, { value: 'b', $ref: '../Users/b' }])
      t.strictSame((await patch(group, { op: 'replace', path: 'members[value eq "b"].display', value: 'Bo' })).members[1].display, 'Bo')
      t.equal((await patch(group, { op: 'remove', path: 'members[value eq "b"].display' })).members[1].display, undefined)
    })

    t.test('a change of members that selects none -> 400 noTarget, and no member is added', async (t) => {
      const [group, empty] = [await createGroup({ members: [{ value: 'a', type: 'User', display: 'One' }] }), await createGroup()]
      for (const [resource, operation] of [
        [group, { op: 'replace', path: 'members[type eq "Group"].value', value: 'z' }],
        [group, { op: 'add', path: 'members[display eq "x"].value', value: 'z' }],
        [group, { op: 'replace', path: 'Members[display eq "x"]', value: { value: 'z' } }],
        [group, { op: 'add', value: { 'members[type eq "Group"].value': 'z' } }],
        [group, { op: 'replace', path: `${groupSchema}:members[type eq "Group" and display eq "x"].$ref`, value: '../Groups/z' }],
        [empty, { op: 'replace', path: 'members.value', value: 'z' }],
        [empty, { op: 'add', path: 'members.display', value: 'x' }]
      ] as const) t.match((await rejectedPatch(resource, operation)).body, errorOf(400, 'noTarget'), JSON.stringify(operation))
    })

    t.test('a required or read-only attribute is removed or unassigned by a PATCH -> 400 mutability', async (t) => {
      const [user, group] = [await createUser(), await createGroup()]
      for (const [resource, operation] of [
        [user, { op: 'remove', path: 'userName' }], [user, { op: 'replace', path: `${userSchema}:username`, value: null }], [user, { op: 'add', value: { userName: null } }], [user, { op: 'replace', path: userSchema, value: { userName: null } }],
        [group, { op: 'Remove', path: 'displayName' }], [group, { op: 'replace', value: { displayName: null } }],
        [user, { op: 'remove', path: 'id' }], [user, { op: 'replace', path: 'META.location', value: 'x' }], [group, { op: 'add', path: 'schemas', value: ['urn:x'] }]
      ] as const) t.match((await rejectedPatch(resource, operation)).body, errorOf(400, 'mutability'), JSON.stringify(operation))
      for (const [resource, operation] of [[user, { op: 'replace', path: 'userName', value: '\u00a0' }], [group, { op: 'replace', path: 'displayName', value: '' }]] as const) {
        t.match((await rejectedPatch(resource, operation)).body, errorOf(400, 'invalidValue'))
      }
      t.match(await send('PUT', `/Groups/${group.id}`, { schemas: [groupSchema], displayName: ' ' }), { status: 400, body: errorOf(400, 'invalidValue') })
      t.match(await send('PUT', `/Users/${user.id}`, { schemas: [userSchema], userName: null }), { status: 400, body: errorOf(400, 'invalidValue') })
      t.strictSame((await send('GET', `/Groups/${group.id}`)).body, group)
    })

    t.test('null, an empty array, an empty object -> unassigned, in each place where a value is set', async (t) => {
      const full = { title: 'T', active: true, name: { givenName: 'G' }, roles: [{ value: 'r' }], [enterprise]: { department: 'D', manager: { value: 'm' } } }
      for (const [operation, changed] of [
        [{ op: 'replace', path: enterprise, value: null }, { [enterprise]: undefined }],
        [{ op: 'Replace', value: { [enterprise]: null } }, { [enterprise]: undefined }],
        [{ op: 'remove', path: enterprise.toUpperCase() }, { [enterprise]: undefined }],
        [{ op: 'replace', value: { [enterprise]: { manager: null } } }, { [enterprise]: { department: 'D' } }],
        [{ op: 'replace', path: `${enterprise}:manager`, value: { value: null } }, { [enterprise]: { department: 'D' } }],
        [{ op: 'replace', value: { 'NAME.givenName': null } }, { name: undefined }],
        [{ op: 'replace', path: 'active', value: null }, { active: undefined }],
        [{ op: 'replace', path: 'roles', value: [] }, { roles: undefined }],
        [{ op: 'replace', value: { roles: [null, {}] } }, { roles: undefined }],
        [{ op: 'replace', path: 'roles[value eq "r"]', value: { value: null } }, { roles: undefined }],
        [{ op: 'replace', path: 'name', value: {} }, {}],
        [{ op: 'replace', value: {} }, {}]
      ] as [Operation, object][]) {
        const { meta, schemas, id, ...patched } = await patch(await createUser(full), operation)
        t.strictSame(patched, JSON.parse(JSON.stringify({ ...full, ...changed, userName: patched.userName })), JSON.stringify(operation))
      }
      const { meta, schemas, id, userName, ...nothing } = await createUser({ title: null, name: {}, roles: [], emails: [{}], photos: [null], [enterprise]: { manager: {} } })
      t.strictSame([nothing, schemas], [{}, [userSchema]])
      const user = await createUser()
      for (const value of [null, [], 'x', 5]) t.match((await rejectedPatch(user, { op: 'replace', value })).body, errorOf(400, 'invalidValue'), JSON.stringify(value))
    })

    t.test('a primary value is set in any way -> one is the primary one', async (t) => {
      const roles = [{ value: 'x', primary: true }, { value: 'y', primary: false }]
      const moved = [{ value: 'x', primary: false }, { value: 'y', primary: true }]
      for (const operation of [
        { op: 'replace', path: 'roles[value eq "y"].primary', value: 'True' }, { op: 'add', path: 'roles[value eq "y"]', value: { primary: true } }, { op: 'add', path: 'roles', value: [{ value: 'Y', primary: true }] },
        { op: 'add', value: { roles: { value: 'y', primary: true } } }, { op: 'replace', path: 'roles', value: moved }
      ]) {
        const patched = (await patch(await createUser({ roles }), operation)).roles
        t.strictSame(patched.map(({ primary }: { primary: boolean }) => primary), [false, true], JSON.stringify(operation))
      }
      const user = await createUser({ roles })
      const two = [{ value: 'p', primary: true }, { value: 'q', primary: true }]
      for (const operation of [{ op: 'replace', value: { photos: two } }, { op: 'add', path: 'roles.primary', value: true }, { op: 'replace', path: 'roles[value pr]', value: { primary: true } }]) await rejectedPatch(user, operation)
      for (const name of ['photos', 'ims', 'addresses', 'x509Certificates', 'Entitlements']) {
        const values = two.map(({ value, primary }) => name === 'addresses' ? { locality: value, primary } : { value, primary })
        t.match(await send('PUT', `/Users/${user.id}`, { schemas: [userSchema], userName: user.userName, [name]: values }), { status: 400, body: errorOf(400, 'invalidValue') }, name)
      }
      t.strictSame((await send('GET', `/Users/${user.id}`)).body, user)
    })

    t.test('a name that another resource has, in another letter case -> 409 uniqueness by POST, PUT and PATCH', async (t) => {
      const [taken, user] = [await createUser({ userName: 'Taken' }), await createUser()]
      const [takenGroup, group] = [await createGroup({ displayName: 'Élan' }), await createGroup()]
      for (const [collection, { id }, schema, name, value] of [['/Users', user, userSchema, 'userName', 'tAKEN'], ['/Groups', group, groupSchema, 'displayName', 'éLAN']] as const) {
        const body = { schemas: [schema], [name]: value }
        for (const response of [
          await send('POST', collection, body), await send('PUT', `${collection}/${id}`, body),
          await send('PATCH', `${collection}/${id}`, patchOp({ op: 'replace', path: name, value })), await send('PATCH', `${collection}/${id}`, patchOp({ op: 'Add', value: { [name.toUpperCase()]: value } }))
        ]) t.match(response, { status: 409, body: errorOf(409, 'uniqueness') }, name)
      }
      t.strictSame([(await send('GET', `/Users/${user.id}`)).body, (await send('GET', `/Groups/${group.id}`)).body], [user, group])
      t.equal((await patch(taken, { op: 'replace', path: 'userName', value: 'TAKEN' })).userName, 'TAKEN', 'its own name in another letter case')
      t.match(await send('PUT', `/Groups/${takenGroup.id}`, { schemas: [groupSchema], displayName: 'ÉLAN' }), { status: 200, body: { displayName: 'ÉLAN' } })
    })

    t.test('sortBy and sortOrder for groups and values -> sorted; anything else -> 400', async (t) => {
      for (const [collection, sortBy, sortOrder, expected] of [
        ['/Groups', 'DISPLAYNAME', 'DesCending', 'dcba'], ['/Groups', `${groupSchema.toUpperCase()}:displayName`, 'ASCENDING', 'abcd'], ['/Groups', 'externalId', 'ascending', 'adbc'], ['/Groups', 'members.value', 'descending', 'cdab'],
        ['/Users', 'phoneNumbers', 'ascending', 'abcd'], ['/Users', 'addresses.locality', 'ascending', 'acbd'], ['/Users', `${enterprise}:Manager.displayName`, 'ascending', 'abcd'], ['/Users', `${enterprise}:manager`, 'descending', 'cdba'], ['/Users', 'active', 'ascending', 'bacd'],
        ['/Groups', 'displayName', 'DESC', '400 invalidValue'], ['/Groups', 'displayName', ' ascending', '400 invalidValue'], ['/Groups', 'userName', 'ascending', '400 invalidValue'], ['/Groups', 'groups', 'ascending', '400 invalidValue'],
        ['/Users', 'addresses', 'ascending', '400 invalidValue'], ['/Users', 'groups.value', 'ascending', '400 invalidValue'], ['/Users', enterprise, 'ascending', '400 invalidValue'], ['/Users', 'emails[type eq "work"].value', 'ascending', '400 invalidValue'], ['/Users', 'constructor', 'ascending', '400 invalidValue']
      ] as const) t.equal(await find(collection === '/Users' ? 'userName pr' : 'displayName pr', collection, { sortBy, sortOrder }), expected, `${sortBy} ${sortOrder}`)
      for (const query of ['sortOrder=ascending&sortOrder=descending', 'sortBy=displayName&sortBy=id', 'sortOrder=', 'sortBy=']) t.match(await send('GET', `/Groups?${query}`), { status: 400, type: /scim\+json/ }, query)
    })

    t.test('lists of attributes with POST, PUT, PATCH and lists, for groups and extensions -> exactly these', async (t) => {
      const always = (schemas: string[]) => ({ schemas, id: String })
      for (const [query, expected] of [
        [`attributes=${userSchema}:name.givenName,${enterprise}:manager.value`, { name: { givenName: 'G' }, [enterprise]: { manager: { value: 'm' } } }],
        [`attributes=${userSchema.toLowerCase()}:PHONENUMBERS.type`, { phoneNumbers: [{ type: 'work' }] }],
        [`excludedAttributes=meta,username,NAME,${userSchema}:phoneNumbers.value,${enterprise}:manager.displayName,id`, { phoneNumbers: [{ type: 'work' }], [enterprise]: { manager: { value: 'm' } } }],
        [`attributes=${enterprise}&excludedAttributes=${enterprise}:manager.value`, { [enterprise]: { manager: { displayName: 'M' } } }]
      ] as const) {
        const body = { schemas: [userSchema], userName: `lists-${++count}`, name: { givenName: 'G', familyName: 'F' }, phoneNumbers: [{ value: '1', type: 'work' }], [enterprise]: { manager: { value: 'm', displayName: 'M' } } }
        const created = await send('POST', `/Users?${query}`, body)
        const resource = `/Users/${created.body.id}?${query}`
        const [listed] = (await send('GET', `/Users?${query}&filter=userName%20eq%20%22${body.userName}%22`)).body.Resources
        const change = patchOp({ op: 'replace', path: 'userName', value: body.userName })
        for (const read of [created.body, listed, (await send('GET', resource)).body, (await send('PUT', resource, body)).body, (await send('PATCH', resource, change)).body]) {
          t.match(read, always([userSchema, enterprise]))
          const { schemas, id, ...rest } = read
          t.strictSame(rest, expected, query)
        }
      }
      const group = await createGroup({ members: [{ value: 'a', display: 'A', type: 'User' }] })
      for (const [query, expected] of [
        [`attributes=${groupSchema}:members.value`, { members: [{ value: 'a' }] }], ['excludedAttributes=members.display,members.type,members.$ref,meta,displayName', { members: [{ value: 'a' }] }], [`excludedAttributes=${groupSchema.toUpperCase()}:Members,meta,displayName`, {}], [`attributes=${userSchema}:displayName`, {}]
      ] as const) {
        const { schemas, id, ...rest } = (await send('PATCH', `/Groups/${group.id}?${query}`, patchOp({ op: 'add', path: 'members', value: [{ value: 'A' }] }, { op: 'add', path: 'members', value: [{ value: 'a' }] }))).body
        t.strictSame([id, rest], [group.id, expected], query)
      }
    })

    t.test('meta, /Me, malformed URLs and ids for groups and with other methods -> the same matches and errors as for users', async (t) => {
      for (const [filter, names] of [['meta.resourceType eq "Group"', 'abcd'], ['meta.resourceType ne "User" and meta.location co "/Groups/"', 'abcd'], ['meta.resourceType eq "group"', ''], ['not (meta.created pr)', ''], ['meta.lastModified lt "2020-01-01T00:00:00+01:00"', '']] as const) {
        t.equal(await find(filter, '/Groups'), names, filter)
      }
      for (const filter of ['groups eq "x"', 'groups.display pr', 'not (groups pr)', 'groups[type eq "direct"]']) t.equal(await find(filter), '400 invalidFilter', filter)
      t.match((await rejectedPatch(await createUser(), { op: 'add', path: 'groups', value: [{ value: 'x' }] })).body, errorOf(400, 'invalidPath'))
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        for (const [path, status] of [['/Me', 501], ['/Me/x/y', 501], ['/Bulk', 501], ['/.search', 501], ['/Users/.search', method === 'POST' ? 501 : undefined], ['/Groups/%zz', 400], ['/Users/%c3%28', 400], [`/Groups/${'x'.repeat(101)}`, 404], ['/Groups/a/b', 404], ['/ServiceProviderConfig', 404], ['/Schemas/%zz', 400]] as const) {
          if (status !== undefined) t.match(await send(method, path, method === 'DELETE' ? undefined : {}), { status, type: /scim\+json/, body: errorOf(status) }, `${method} ${path}`)
        }
      }
      for (const id of ['__proto__', 'constructor', 'toString', '%00', '..', '%2e%2e%2fGroups', 'ä', "'%20or%201=1"]) {
        for (const collection of ['/Users', '/Groups', '/Schemas', '/ResourceTypes']) t.equal((await send('GET', `${collection}/${id === '..' ? '%2E%2E%2Fx' : id}`)).status, 404, `${collection}/${id}`)
      }
    })

    t.test('the endpoints that describe the server, HEAD, slashes and pages at their limits -> the status and the counts of RFC 7644', async (t) => {
      for (const path of [`/Schemas/${enterprise}`, `/Schemas/${encodeURIComponent(groupSchema)}`, '/ResourceTypes/User', '/ResourceTypes/User/', '/ServiceProviderConfig/']) t.match(await send('GET', path), { status: 200, type: /^application\/scim\+json/, body: { meta: { location: String } } }, path)
      t.match((await send('GET', '/Schemas')).body, { totalResults: 3, itemsPerPage: 3, startIndex: 1 })
      const user = await createUser()
      for (const [path, status] of [['/Users', 200], [`/Users/${user.id}`, 200], ['/Users/absent', 404], ['/Schemas', 200]] as const) t.strictSame(await fetch(`${url}/scim${path}`, { method: 'HEAD', headers: { authorization } }).then(({ status }) => status), status, `HEAD ${path}`)
      t.strictSame((await send('PUT', `/Users/${user.id}/`, { schemas: [userSchema], userName: user.userName })).body.id, user.id)
      const page = async (parameters: Record<string, string>) => {
        const { status, body: { startIndex, itemsPerPage, Resources } } = await list('/Groups', parameters)
        return status === 200 ? [startIndex, itemsPerPage, Resources.length] : status
      }
      const { totalResults } = (await list('/Groups')).body
      for (const [parameters, expected] of [
        [{ count: '0' }, [1, 0, 0]], [{ count: '-3' }, [1, 0, 0]], [{ startIndex: '0', count: '1' }, [1, 1, 1]], [{ startIndex: '-7', count: '2' }, [1, 2, 2]], [{ count: '99999' }, [1, totalResults, totalResults]],
        [{ startIndex: '9'.repeat(30) }, [Number.MAX_SAFE_INTEGER, 0, 0]], [{ count: '1.5' }, 400], [{ count: '' }, 400], [{ startIndex: 'NaN' }, 400], [{ filter: 'displayName pr', count: '0', sortBy: 'id' }, [1, 0, 0]]
      ] as [Record<string, string>, unknown][]) t.strictSame(await page(parameters), expected, JSON.stringify(parameters))
    })

    t.test('bodies that are not objects, other media types and messages -> 400 or 415, and nothing is stored', async (t) => {
      const user = await createUser({ title: 'T' })
      const resource = `/Users/${user.id}`
      for (const body of ['', ' ', 'null', '[]', '[{}]', '"x"', '5', 'true', '{', '{"userName":"x"}}', "{'userName':'x'}", '\u0000', '{"__proto__":{"x":1},"userName":"x"}', '{"constructor":{"prototype":{"x":1}},"userName":"x"}']) {
        for (const [method, path] of [['POST', '/Users'], ['PUT', resource], ['PATCH', resource], ['POST', '/Groups']] as const) t.match(await send(method, path, body), { status: 400, type: /scim\+json/, body: errorOf(400) }, `${method} ${body}`)
      }
      for (const type of ['text/plain', 'text/plain; charset=utf-8', 'application/xml', 'multipart/form-data; boundary=x', 'application/octet-stream']) {
        for (const method of ['PUT', 'PATCH']) t.match(await send(method, resource, '{}', type), { status: 415, body: errorOf(415) }, type)
      }
      for (const type of ['application/json', 'application/json;charset=UTF-8', 'Application/SCIM+JSON; charset="utf-8"', 'application/scim+json; foo=bar']) {
        t.equal((await send('PUT', resource, { schemas: [userSchema], userName: user.userName, title: 'T' }, type)).status, 200, type)
      }
      const operation = { op: 'replace', path: 'title', value: 'X' }
      for (const message of [
        { Operations: [operation] }, { schemas: [], Operations: [operation] }, { schemas: [userSchema], Operations: [operation] }, { schemas: 'urn:ietf:params:scim:api:messages:2.0:PatchOp', Operations: [operation] }, { ...patchOp(), Operations: operation }, patchOp(), { ...patchOp(), Operations: null },
        patchOp({ ...operation, op: '' }), patchOp(operation, { ...operation, op: null as unknown as string }), patchOp({ ...operation, path: ['title'] as unknown as string }), { ...patchOp(), Operations: [[operation]] }
      ]) t.match(await send('PATCH', resource, message), { status: 400, body: errorOf(400, 'invalidSyntax') }, JSON.stringify(message))
      const { meta, ...rest } = (await send('GET', resource)).body
      t.strictSame({ ...rest, meta: user.meta }, user)
      t.equal((await list('/Users', { filter: 'userName eq "x"' })).body.totalResults, 0)
    })

    t.test('what clients cannot set in POST and PUT -> left out; a `$ref` that is not a string -> left out', async (t) => {
      const sent = { schemas: [userSchema], id: 'mine', meta: { created: '1999-01-01T00:00:00Z', resourceType: 5 }, groups: [{ value: 'x' }], password: 'p', absent: { a: 1 } }
      const created = await send('POST', '/Users', { ...sent, userName: `sent-${++count}` })
      const replaced = await send('PUT', `/Users/${created.body.id}`, { ...sent, userName: `sent-${count}` })
      for (const { status, body } of [created, replaced]) {
        t.ok(status < 300 && body.id !== 'mine' && body.meta.created > '2020' && body.meta.resourceType === 'User')
        t.strictSame(Object.keys(body).sort(), ['id', 'meta', 'schemas', 'userName'])
      }
      const group = await createGroup()
      for (const $ref of [5, null, {}, [1], true]) {
        t.strictSame((await patch(group, { op: 'replace', path: 'members', value: [{ value: 'a', $ref }] })).members, [{ value: 'a' }], JSON.stringify($ref))
        t.strictSame((await createUser({ [enterprise]: { manager: { value: 'm', $ref } } }))[enterprise], { manager: { value: 'm' } })
      }
      for (const members of [[5], [['a']], [{ value: 5 }], { value: {} }, true]) t.match(await send('POST', '/Groups', { schemas: [groupSchema], displayName: 'odd', members }), { status: 400, body: errorOf(400, 'invalidValue') }, JSON.stringify(members))
    })

    t.test('long and deep values in other places -> stored, or 400', async (t) => {
      const long = 'y'.repeat(30_000)
      const group = await createGroup({ displayName: long, externalId: long, members: [{ value: long }] })
      t.strictSame((await send('GET', `/Groups/${group.id}`)).body, group)
      t.match((await list('/Groups', { filter: `externalId eq "${'y'.repeat(7000)}"` })).body, { totalResults: 0 })
      t.equal((await patch(await createUser(), { op: 'add', path: 'emails', value: [{ value: long }] })).emails[0].value, long)
      const deep = '['.repeat(400_000) + ']'.repeat(400_000)
      for (const [method, body, status] of [
        ['POST', `{"userName":"deep-${++count}","absent":${deep}}`, 201], ['POST', `{"userName":"deep-x","active":${deep}}`, 400], ['POST', deep, 400],
        ['PATCH', `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"emails","value":${deep}}]}`, 400],
        ['PATCH', `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":${deep}}`, 400]
      ] as const) t.equal((await send(method, method === 'POST' ? '/Users' : `/Groups/${group.id}`, body)).status, status, `${method} ${body.slice(0, 30)}`)
      for (const query of [`filter=${'not('.repeat(500)}title%20pr${')'.repeat(500)}`, 'filter=%FF', 'filter=userName%20eq%20%22%FF%22', 'filter=%', 'attributes=%E0%A4', `sortBy=${'a.'.repeat(2000)}`]) t.ok([200, 400].includes((await send('GET', `/Users?${query}`)).status), query.slice(0, 30))
    })
  })
}
