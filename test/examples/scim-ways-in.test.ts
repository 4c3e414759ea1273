import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { startExampleHost } from '../helpers/example-host.ts'
import { generatePath } from '../helpers/host.ts'
import { startHostProcess } from '../helpers/host-process.ts'
import { connectProvider, enterprise, errorOf, patchOp, startProvider, temporaryFolder, userSchema, type Provider } from '../helpers/scim-provider.ts'

// In SCIM_LONG=1 the figures of the first report: 1,500 changes at once.
const isLong = process.env['SCIM_LONG'] === '1'

const names = [
  '__proto__', '__PROTO__', '__proto__.x', '__proto__.0', '__proto__.authorization', '__proto__.sec-fetch-site', '__proto__.__proto__.x', '__proto__.get', 'constructor', 'constructor.prototype', 'Constructor.Prototype.x',
  'constructor.prototype.x', 'prototype.x', 'toString', 'toString.x', 'valueOf', 'hasOwnProperty', '__defineGetter__', '__defineGetter__.x', '__lookupSetter__', 'name.__proto__', 'name.constructor', 'emails.__proto__', 'meta.__proto__.x'
]
const urns = ['', `${enterprise}:`]
const otherUrns = [`${enterprise.toUpperCase()}:`, `${userSchema}:`, `${enterprise}:manager.`, 'urn:x:']
const attacks = [...urns.flatMap((urn) => names.map((name) => urn + name)), ...otherUrns.flatMap((urn) => ['__proto__.0', 'constructor.prototype.x'].map((name) => urn + name))]

t.test('names of prototypes wherever a name is accepted -> no other request is affected', async (t) => {
  // A process of its own: what pollutes a prototype affects all that runs in it.
  const host = await startHostProcess(t, { DATA_DIR: t.testdir(), RATE_LIMIT: '0' })
  const { send, list, create } = await connectProvider({ url: host.url } as Provider)
  const user = await create('/Users', { userName: 'ann', emails: [{ value: 'a@example.com', type: 'work' }] })
  const group = await create('/Groups', { displayName: 'G', members: [{ value: 'a' }] })
  const [readUser, readGroup] = [() => send('GET', `/Users/${user.id}`), () => send('GET', `/Groups/${group.id}`)]
  const sent = { user: (await readUser()).body, group: (await readGroup()).body }

  for (const name of attacks) {
    const value = { id: 'x', 0: { x: true }, x: 'y', permissions: ['ADMIN'], value: 'polluted' }
    const key = JSON.stringify(name)
    // As text: a key "__proto__" of an object literal would not be sent.
    const withName = (rest: string) => `{${rest},${key}:${JSON.stringify(value)}}`
    const bodies = [withName(`"schemas":["${userSchema}"],"userName":"ann","emails":[{"value":"a@example.com","type":"work"}]`)]
    const parts = [`"name":{${key}:"x"}`, `"emails":[{"value":"a@example.com",${key}:"x"}]`, `"${enterprise}":{${key}:"x","manager":{${key}:"x"}}`]
    const operations = [
      ...['add', 'replace', 'remove'].map((op) => `{"op":"${op}","path":${key},"value":"x"}`),
      `{"op":"add","value":{${key}:"x"}}`, `{"op":"replace","value":{"name":{${key}:"x"}}}`, `{"op":"add","path":"emails","value":[{${key}:"x"}]}`, `{"op":"remove","path":"emails","value":[{${key}:"x"}]}`,
      ...[`emails[${name} eq "x"]`, `emails[type eq "work"].${name}`, `emails[${name} pr].value`, `${name}[value eq "x"]`].map((path) => `{"op":"replace","path":${JSON.stringify(path)},"value":"x"}`)
    ]
    const statuses = await Promise.all([
      ...bodies.flatMap((body) => [send('PUT', `/Users/${user.id}`, body), send('POST', '/Users', body)]),
      ...parts.map((part) => send('POST', '/Users', `{"userName":"ann",${part}}`)),
      ...operations.map((operation) => send('PATCH', `/Users/${user.id}`, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[${operation}]}`)),
      send('PATCH', `/Groups/${group.id}`, patchOp({ op: 'replace', path: `members[${name} eq "x"].value`, value: 'x' })),
      ...[`${name} eq "x"`, `${name} pr`, `not (${name} pr)`, `emails[${name} eq "x"]`, `emails[type pr].${name} eq "x"`, `userName eq "x" ${name} userName pr`].map((filter) => list('/Users', { filter })),
      list('/Users', { sortBy: name }), list('/Users', { attributes: name }), list('/Users', { excludedAttributes: name }), list('/Users', { [name]: 'x' })
    ])
    const unexpected = statuses.map(({ status }) => status).filter((status) => ![200, 204, 400, 409].includes(status))
    t.strictSame(unexpected, [], name)

    const [unauthenticated, withoutSession, withSession, foreign] = await Promise.all([
      fetch(`${host.url}/scim/Users`),
      fetch(host.url + generatePath, { method: 'POST' }),
      fetch(host.url + generatePath, { method: 'POST', headers: { cookie: 'unleash-session=x' } }),
      fetch(host.url + generatePath, { method: 'POST', headers: { authorization: '*:*.example-admin', origin: 'https://evil.example' } })
    ])
    t.strictSame([unauthenticated.status, withoutSession.status, withSession.status, foreign.status], [401, 401, 401, 403], name)
  }
  const { meta, ...now } = (await readUser()).body
  t.strictSame({ ...now, meta: sent.user.meta }, sent.user)
  t.strictSame((await readGroup()).body, sent.group)
})

/** Returns how many milliseconds a request takes, the least of three, and its status. */
async function time (request: () => Promise<{ status: number }>) {
  const times = []
  let status = 0
  for (let i = 0; i < 3; i++) {
    const start = performance.now()
    status = (await request()).status
    times.push(performance.now() - start)
  }
  return { ms: Math.min(...times), status }
}

t.test('a filter or a path of any size and shape -> its time grows with its size at most', async (t) => {
  const { list, create, send } = await startProvider(t, 'PostgreSQL')
  const group = await create('/Groups', { displayName: 'G', members: [{ value: 'a' }] })
  await create('/Users', { userName: 'ann' })
  const shapes: [string, (n: number) => string][] = [
    ['groups joined by and', (n) => Array(n).fill('(title eq "a" or nickName eq "b")').join(' and ')],
    ['value filters joined by or', (n) => Array(n).fill('emails[type eq "a" and value eq "b"]').join(' or ')],
    ['an unclosed string of newlines', (n) => `title eq "${'\n'.repeat(n)}`],
    ['an unclosed string of backslashes', (n) => `title eq "${'\\'.repeat(n)}`],
    ['an unclosed string of quotes', (n) => `title eq ${'"\\"'.repeat(n)}`],
    ['brackets', (n) => `${'('.repeat(n)}title pr${')'.repeat(n)}`],
    ['opening brackets', (n) => '['.repeat(n)],
    ['spaces', (n) => `title${' '.repeat(n)}pr`],
    ['not', (n) => `${'not ('.repeat(n)}title pr${')'.repeat(n)}`],
    ['a number', (n) => `title eq ${'1e+'.repeat(n)}`],
    ['dots', (n) => `${'a.'.repeat(n)}b pr`],
    ['colons', (n) => `urn${':a'.repeat(n)} pr`]
  ]
  for (const [shape, build] of shapes) {
    const figures = []
    for (const n of [16, 64, 256, 1024]) {
      const filter = build(n)
      const listed = await time(() => list('/Users', { filter, attributes: 'title' }))
      const patched = await time(() => send('PATCH', `/Groups/${group.id}`, patchOp({ op: 'remove', path: `members[${filter}]` })))
      const selected = await time(() => list('/Users', { attributes: filter.replaceAll(',', '') }))
      figures.push([listed, patched, selected].map(({ ms }) => ms.toFixed(0)).join('/'))
      for (const { ms, status } of [listed, patched, selected]) {
        // 431: the URL is longer than Node.js reads.
        t.ok([200, 204, 400, 431].includes(status), `${shape}: ${status}`)
        t.ok(ms < 1000, `${n} of ${shape}: ${ms.toFixed(0)} ms`)
      }
    }
    t.comment(`${shape}, 16, 64, 256, 1024 times, as a filter, a path, a list of attributes: ${figures.join(', ')} ms`)
  }
})

t.test('many operations on a group with many members -> their sum, not their product; over the limits 400 or 413 at once', async (t) => {
  const { send } = await startProvider(t, 'PostgreSQL', async (db) => {
    for (const [name, size] of [['large', 18_000], ['huge', 70_000], ['full', 100_000]] as const) {
      const members = Array.from({ length: size }, (_, i) => ({ value: `member-${i}`, type: 'User' }))
      const key = createHash('sha256').update(name).digest('base64url')
      await db.query('insert into scim_groups (id, resource, display_name) values ($1, $2, $3)', [name, JSON.stringify({ displayName: name, members }), key])
    }
  })
  const change = (id: string, ...operations: { op: string, path?: string, value?: unknown }[]) => send('PATCH', `/Groups/${id}?attributes=displayName`, patchOp(...operations))
  const repeat = (n: number, operation: (i: number) => { op: string, path?: string, value?: unknown }) => Array.from({ length: n }, (_, i) => operation(i))
  for (const [what, status, request] of [
    ['10,000 members that are none are removed from 18,000', 200, () => change('large', ...repeat(10_000, () => ({ op: 'remove', path: 'members[value eq "q"]' })))],
    ['10,000 members are added to 18,000 one by one', 200, () => change('large', ...repeat(10_000, (i) => ({ op: 'add', path: 'members', value: [{ value: `n-${i}` }] })))],
    ['10,000 members are removed from 18,000 one by one', 200, () => change('large', ...repeat(10_000, (i) => ({ op: 'remove', path: 'members', value: [{ value: `n-${i}` }] })))],
    ['one member is added to 70,000', 200, () => change('huge', { op: 'add', path: 'members', value: [{ value: 'n' }] })],
    ['10,000 filters that no index answers on 18,000 members', 400, () => change('large', ...repeat(10_000, () => ({ op: 'remove', path: 'members[display eq "q"]' })))],
    ['10,001 operations', 413, () => change('large', ...repeat(10_001, () => ({ op: 'remove', path: 'members[value eq "q"]' })))],
    ['member number 100,001', 413, () => change('full', { op: 'add', path: 'members', value: [{ value: 'n' }] })]
  ] as const) {
    const measured = await time(request)
    t.comment(`${what}: ${measured.ms.toFixed(0)} ms`)
    t.equal(measured.status, status, what)
    t.ok(measured.ms < 5000, `${what}: ${measured.ms.toFixed(0)} ms`)
  }
})

for (const [database, changesAtOnce] of [['PostgreSQL', isLong ? 1500 : 300], ['embedded', isLong ? 300 : 60]] as const) {
  t.test(`many changes of one group at once on the ${database} database -> each has 200, or 503 with Retry-After and no effect`, async (t) => {
    const { send, create, authorization, url } = await startProvider(t, database)
    const group = await create('/Groups', { displayName: 'Everybody' })
    const changes = Array.from({ length: changesAtOnce }, async (_, i) => {
      const response = await fetch(`${url}/scim/Groups/${group.id}`, {
        method: 'PATCH',
        headers: { authorization, 'content-type': 'application/scim+json' },
        body: JSON.stringify(patchOp({ op: 'add', path: 'members', value: [{ value: `m-${i}` }] }))
      })
      await response.text()
      return { i, status: response.status, retryAfter: response.headers.get('retry-after') }
    })
    const responses = await Promise.all(changes)
    const accepted = responses.filter(({ status }) => status === 200)
    t.comment(`${responses.length} at once: ${accepted.length} have 200`)
    t.strictSame(responses.filter(({ status, retryAfter }) => status !== 200 && !(status === 503 && retryAfter !== null)), [])
    t.ok(accepted.length > 0)
    const { members } = (await send('GET', `/Groups/${group.id}`)).body
    t.strictSame(members.map(({ value }: { value: string }) => value).sort(), accepted.map(({ i }) => `m-${i}`).sort())
  })
}

t.test('the host has a wildcard route -> unknown SCIM paths get a SCIM 404, without the token 401', async (t: Test) => {
  const host = await startExampleHost(t, { DATA_DIR: await temporaryFolder(t), DATABASE_URL: '' }, (app) => { app.all('/*', async () => 'a page of the host') })
  const { send } = await connectProvider(host)
  for (const path of ['/Unknown', '/Users/a/b', '']) t.match(await send('GET', path), { status: 404, body: errorOf(404) }, path)
  t.equal((await fetch(`${host.url}/scim/Unknown`)).status, 401)
  t.equal(await (await fetch(`${host.url}/elsewhere`)).text(), 'a page of the host')
})

t.test('schemas within schemas, long lists of attributes and long texts -> 400 at once', async (t) => {
  const { send, list, create } = await startProvider(t, 'PostgreSQL')
  const nested = (depth: number) => `{"userName":"n",${`"${userSchema}":{`.repeat(depth)}${'}'.repeat(depth)}}`
  for (const depth of [2, 6000]) {
    t.equal((await send('POST', '/Users', nested(depth))).status, 400, `${depth} levels`)
  }
  t.equal((await send('POST', '/Users', nested(1))).status, 201)
  t.equal((await send('POST', '/Users', `{"userName":"e","${enterprise}":${nested(6000)}}`)).status, 201, 'an unknown attribute of an extension is left out')
  for (const parameter of ['attributes', 'excludedAttributes']) t.equal((await list('/Users', { [parameter]: '["\\'.repeat(1000) })).status, 400, parameter)

  const user = await create('/Users', { userName: 'long', emails: [{ value: 'a@example.com', display: 'x'.repeat(900_000) }] })
  const remove = { op: 'remove', path: `emails[${Array.from({ length: 45 }, () => 'display co "q"').join(' or ')}]` }
  const start = performance.now()
  t.match(await send('PATCH', `/Users/${user.id}`, patchOp(...Array.from({ length: 900 }, () => remove))), { status: 400, body: { scimType: 'tooMany' } })

  const members = Array.from({ length: 10_000 }, (_, i) => ({ value: `m${i}`, display: `member ${i}` }))
  for (let i = 0; i < 8; i++) await create('/Groups', { displayName: `G${i}`, members })
  const filter = Array.from({ length: 100 }, (_, i) => `members.display co "zz${i}"`).join(' or ')
  t.match(await list('/Groups', { filter }), { status: 400, body: { scimType: 'tooMany' } })
  t.comment(`${Math.round(performance.now() - start)} ms for both`)
})
