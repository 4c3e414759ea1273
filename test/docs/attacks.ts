import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { Context } from './context.ts'
import { generate } from './part-of-app.ts'
import { run, start } from './project.ts'

const settings = '/api/admin/scim-settings'

/** A whole server of the documentation. */
interface Server {
  page: string
  file: string
  /** The environment that it is started with, besides `DATABASE_URL`. */
  env: Record<string, string>
  /** Variables without which it must not start. */
  required: string[]
  /** A program that is run before it, with its arguments. */
  setUp?: string[]
  /** Whether it has `POST /login`. */
  hasLogin?: boolean
  /** Whether it has the settings routes. */
  hasSettings?: boolean
}

const secret = randomBytes(32).toString('hex')
const servers: Server[] = [
  { page: 'README.md', file: 'app.mjs', env: { ADMIN_TOKEN: 'change-me' }, required: ['ADMIN_TOKEN'] },
  { page: 'docs/databases.md', file: 'server.mjs', env: { ADMIN_TOKEN: 'change-me' }, required: ['ADMIN_TOKEN'], hasSettings: true },
  { page: 'docs/resolvers.md', file: 'session.mjs', env: { SESSION_SECRET: secret, ADMIN_PASSWORD: 'change-me' }, required: ['SESSION_SECRET', 'ADMIN_PASSWORD'], hasLogin: true },
  { page: 'docs/resolvers.md', file: 'jwt.mjs', env: { JWT_SECRET: secret }, required: ['JWT_SECRET'] },
  { page: 'docs/resolvers.md', file: 'tenants.mjs', env: { SESSION_SECRET: secret, TRUST_PROXY: '127.0.0.1' }, required: ['SESSION_SECRET'], setUp: ['set-admin.mjs', 'acme', 'ada'], hasLogin: true, hasSettings: true }
]

const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'undefined', 'null', '[object Object]']
const jwtOfNobody = `${base64({ alg: 'none', typ: 'JWT' })}.${base64({ sub: 'ada', permissions: ['ADMIN'] })}.`
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Headers of callers that are not authenticated at any server. */
const credentials: Record<string, string>[] = [
  {},
  ...['', ' ', 'Bearer', 'Bearer ', 'bearer', 'Bearer Bearer', 'Basic', 'Basic Og==', emptyHash, `Bearer ${emptyHash}`, `Bearer ${jwtOfNobody}`].map((authorization) => ({ authorization })),
  ...names.flatMap((name) => [{ authorization: name }, { authorization: `Bearer ${name}` }]),
  ...['', 'sessionId', 'sessionId=', 'sessionId=.', 'sessionId=%00', 'sessionId=undefined.', ...names.map((name) => `sessionId=${name}`)].map((cookie) => ({ cookie }))
]

/** Bodies that no route accepts, with the content type. */
const bodies: [string, string][] = [
  ...['', '{}', '[]', 'null', 'true', '1', '"text"', '{', '[{"username":"ada"}]'],
  ...['username', 'password', 'enabled'].flatMap((key) => [null, {}, [], '', { length: 1 }, ['a', 'b']].map((value) => JSON.stringify({ username: 'ada', password: 'wrong', enabled: 'wrong', [key]: value }))),
  '{"__proto__":{"username":"ada","password":"x","enabled":true}}',
  '{"constructor":{"prototype":{"enabled":true}}}',
  ...names.map((name) => JSON.stringify({ username: name, password: name })),
  JSON.stringify({ username: 'a\0', password: 'a\0' }),
  JSON.stringify({ username: 'a'.repeat(100_000), password: 'x' })
].map((body): [string, string] => ['application/json', body]).concat([
  ['text/plain', 'username=ada&password=change-me'],
  ['text/plain', '{"username":"ada","password":"change-me"}'],
  ['application/x-www-form-urlencoded', 'username=ada&password=change-me&enabled=true'],
  ['multipart/form-data; boundary=x', '--x--'],
  ['__proto__/x', '{}']
])

/** Attacks every server of the documentation. */
export async function testAttacks (t: Test, { pages, blocks, project, databaseUrl }: Context): Promise<void> {
  const files = new Map([...pages.keys()].map((page) => [page, blocks.files(page)]))
  // Otherwise the limit of an address rejects most bodies before they are read.
  const resolvers = files.get('docs/resolvers.md') ?? {}
  resolvers['login.mjs'] = resolvers['login.mjs']?.replace('max: 30', 'max: 1000') ?? ''

  t.test('each server of the documentation -> is attacked here', async (t) => {
    const listening = [...files.values()].flatMap((pageFiles) => Object.entries(pageFiles))
      .filter(([, code]) => code.includes('.listen('))
      .map(([file]) => file)
    t.strictSame(listening.sort(), servers.map(({ file }) => file).sort())
  })

  for (const { page, file, env, required, setUp, hasLogin = false, hasSettings = false } of servers) {
    const folder = await project.write({ ...files.get(page), [file]: files.get(page)?.[file]?.replace('port: 3000', 'port: 0') ?? '' })
    if (setUp !== undefined) await run(folder, process.execPath, setUp, { DATABASE_URL: databaseUrl, PASSWORD: 'change-me' })

    for (const name of required) {
      for (const [how, value] of [['not set', undefined], ['empty', '']] as const) {
        t.test(`${file} with ${name} ${how} -> does not start, and says what to set`, async (t) => {
          const { [name]: _, ...others } = env
          const given = value === undefined ? others : { ...others, [name]: value }
          await t.rejects(run(folder, process.execPath, [file], { PORT: '0', DATABASE_URL: databaseUrl, ...given }), { message: new RegExp(`Error: Set .*\\b${name}\\b`) })
        })
      }
    }

    t.test(`${file} is attacked -> 401 without credentials, 4xx for each invalid body, and no cookie`, async (t) => {
      const lines: string[] = []
      const port = await start(t, folder, [file], { DATABASE_URL: databaseUrl, ...env }, lines)
      const send = async (path: string, init: RequestInit = {}) => {
        const { status, headers } = await fetch(`http://127.0.0.1:${port}${path}`, init)
        return { status, cookies: headers.getSetCookie().filter((cookie) => !cookie.includes('Max-Age=0')) }
      }
      const enable = { method: 'POST', body: '{"enabled":true}' }

      const accepted = []
      for (const headers of credentials) {
        const responses = [await send(generate.url, { method: 'POST', headers }), await send('/scim/Users', { headers })]
        if (hasSettings) responses.push(await send(settings, { headers }), await send(settings, { ...enable, headers: { ...headers, 'content-type': 'application/json' } }))
        accepted.push(...responses.filter(({ status, cookies }) => status !== 401 || cookies.length > 0).map((response) => ({ headers, ...response })))
      }
      t.strictSame(accepted, [])

      const harmful = []
      for (const path of [generate.url, ...hasLogin ? ['/login'] : [], ...hasSettings ? [settings] : []]) {
        for (const [type, body] of bodies) {
          const { status, cookies } = await send(path, { method: 'POST', headers: { 'content-type': type }, body })
          if (status < 400 || status >= 500 || status === 429 || cookies.length > 0) harmful.push({ path, type, body, status, cookies })
        }
      }
      t.strictSame(harmful, [])
      t.strictSame(lines.filter((line) => line.includes('"level":50')), [], 'no error is logged')
    })
  }
}

function base64 (part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
