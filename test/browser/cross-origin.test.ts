import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { chromium } from 'playwright-core'
import t, { type Test } from 'tap'
import { adminToken, startExampleHost } from '../helpers/example-host.ts'
import { startPostgres } from '../helpers/postgres.ts'

const executablePath = '/usr/bin/chromium'
if (!existsSync(executablePath)) {
  throw new Error(`There is no ${executablePath}: install Chromium, on Debian with "apt-get install chromium".`)
}

const html = readFileSync(new URL('page.html', import.meta.url))

const ways = [
  'a form',
  'a form whose plain text is JSON',
  'a form with files',
  'a form in an iframe',
  'a form that is redirected',
  'fetch without CORS',
  'fetch with CORS',
  'fetch of JSON',
  'a beacon',
  'a beacon of JSON'
]
/** The ways after which the tab shows the response. */
const navigating = ['a form', 'a form whose plain text is JSON', 'a form with files', 'a form that is redirected']
/** The ways that send a JSON content type, which a settings change requires. */
const sendingJson = ['fetch of JSON', 'a beacon of JSON']

const settings = '/api/admin/scim-settings'
const generating = { path: `${settings}/generate-new-token`, body: '' }
const disabling = { path: settings, body: '{"enabled":false}' }

/** A request that a host received from the browser, and its response. */
interface Call {
  /** The header `Sec-Fetch-Site`. */
  site: string | string[] | undefined
  /** Whether the session cookie was sent. */
  cookie: boolean
  status: number
}

interface Host {
  url: string
  /** Emits a {@link Call} for each response, under method and path of the request. */
  calls: EventEmitter
}

const postgres = await startPostgres()
t.teardown(() => postgres.stop())
const db = new Client({ connectionString: postgres.url })
await db.connect()
t.teardown(() => db.end())

// Two ports of one host name are two origins of the same site, so cookies are sent. Two host names are two sites.
const otherPort = await startOtherServer(t)
const sameSite = `http://127.0.0.1:${otherPort}`
const otherSite = `http://localhost:${otherPort}`

const host = await startHost(t)
const trusting = await startHost(t, { TRUSTED_ORIGINS: sameSite })

const browser = await chromium.launch({
  executablePath,
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'
  ]
})
t.teardown(() => browser.close())
const page = await browser.newPage()
await page.goto(`${host.url}/page`)
await page.evaluate(`fetch('/auth/simple/login', {
  method: 'POST',
  headers: json,
  body: JSON.stringify({ username: 'admin', password: 'example-admin-password' })
})`)

for (const [origin, site, cookie] of [[sameSite, 'same-site', true], [otherSite, 'cross-site', false]] as const) {
  t.test(`a page of another origin (${site}, cookie ${cookie ? '' : 'not '}sent) generates a token or disables SCIM -> 403, nothing is changed`, async (t) => {
    await reset()
    for (const action of [generating, disabling]) {
      const calls = await sendAll(origin, host, action)
      t.same(calls, ways.map((way) => ({ way, site, cookie, status: 403 })))
    }
    t.same(await stored(), { enabled: true, token: false })
  })

  t.test(`a page of another origin (${site}) fetches or frames the settings -> it cannot read the response`, async (t) => {
    const get = nextCall(host, 'GET', settings)
    t.same(await read(origin), ['blocked', 'blocked'])
    t.same(await get, { site, cookie, status: cookie ? 200 : 401 })
  })
}

t.test('the same page on the origin of the host -> fetches the settings, generates a token in any way, disables SCIM with JSON', async (t) => {
  await reset()
  const readable = '{"enabled":true,"hasToken":false}'
  t.same(await read(`${host.url}/page`), [readable, 'blocked'], 'the host allows no frames')

  const direct = ways.filter((way) => way !== 'a form that is redirected')
  const own = { site: 'same-origin', cookie: true }
  t.same(
    await sendAll(`${host.url}/page`, host, generating, direct),
    direct.map((way) => ({ way, ...own, status: 200 }))
  )
  t.same(await stored(), { enabled: true, token: true })

  t.same(
    await sendAll(`${host.url}/page`, host, disabling, direct),
    direct.map((way) => ({ way, ...own, status: sendingJson.includes(way) ? 200 : 415 }))
  )
  t.same(await stored(), { enabled: false, token: true })
})

t.test('a page of a trusted origin -> generates a token and disables SCIM, unless a redirect hides its origin', async (t) => {
  await reset()
  const trusted = { site: 'same-site', cookie: true }
  const generated = (way: string) => way === 'a form that is redirected' ? 403 : 200
  t.same(
    await sendAll(sameSite, trusting, generating),
    ways.map((way) => ({ way, ...trusted, status: generated(way) }))
  )
  t.same(await stored(), { enabled: true, token: true })

  t.same(
    await sendAll(sameSite, trusting, disabling, sendingJson),
    sendingJson.map((way) => ({ way, ...trusted, status: 200 }))
  )
  t.same(await stored(), { enabled: false, token: true })
})

t.test('a page of another site with a SameSite=None cookie -> 403, nothing is changed', async (t) => {
  await reset()
  const cookies = await page.context().cookies(host.url)
  await page.context().addCookies(cookies.map((cookie) => ({ ...cookie, sameSite: 'None', secure: true })))
  for (const action of [generating, disabling]) {
    t.same(
      // Debian's Chromium sends such a cookie only if the tab itself navigates to the host.
      await sendAll(otherSite, host, action, navigating),
      navigating.map((way) => ({ way, site: 'cross-site', cookie: true, status: 403 }))
    )
  }
  t.same(await stored(), { enabled: true, token: false })
})

t.test('curl, which is not a browser -> generates a token', async (t) => {
  await reset()
  const { stdout } = await promisify(execFile)('curl', [
    '--silent', '--request', 'POST', host.url + generating.path, '--header', `Authorization: ${adminToken}`
  ])
  t.match(stdout, /^{"token":"scim_\w+"}$/)
  t.same(await stored(), { enabled: true, token: true })
})

/** Has the page at a URL send one request in each of the ways, and returns the calls that the host received. */
async function sendAll (from: string, host: Host, { path, body }: typeof generating, chosen = ways) {
  const calls: (Call & { way: string })[] = []
  for (const way of chosen) {
    await page.goto(from)
    const post = nextCall(host, 'POST', path)
    await page.evaluate(`send(${JSON.stringify(way)}, '${host.url}${path}', '${body}')`)
    calls.push({ way, ...await post })
    if (navigating.includes(way)) await page.waitForURL(host.url + path)
  }
  return calls
}

/** Returns what the page at a URL can read of the settings, fetched and framed. */
async function read (from: string): Promise<unknown> {
  await page.goto(from)
  return await page.evaluate(`read('${host.url}${settings}')`)
}

async function nextCall ({ calls }: Host, method: string, path: string): Promise<Call> {
  const [call] = await once(calls, `${method} ${path}`, { signal: AbortSignal.timeout(10_000) })
  return call
}

/** Starts the example host, which also serves the page and allows every preflight, so that only the plugin rejects. */
async function startHost (t: Test, env: NodeJS.ProcessEnv = {}): Promise<Host> {
  const calls = new EventEmitter()
  const { url } = await startExampleHost(t, { ...env, DATABASE_URL: postgres.url }, (app) => {
    app.get('/page', async (_request, reply) => await reply.type('text/html').send(html))
    app.options('*', async ({ headers: { origin } }, reply) => await reply.code(204).headers({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'content-type'
    }).send())
    app.server.on('request', ({ method, url: path, headers }, response) => response.on('finish', () => {
      const cookie = headers.cookie?.includes('unleash-session=') ?? false
      const call: Call = { site: headers['sec-fetch-site'], cookie, status: response.statusCode }
      calls.emit(`${method} ${path}`, call)
    }))
  })
  return { url, calls }
}

/** Starts a server on another origin that serves the page and redirects to the URL in `/redirect?`. */
async function startOtherServer (t: Test): Promise<number> {
  const server = createServer(({ url = '' }, response) => {
    const [path, query = ''] = url.split('?')
    if (path === '/redirect') response.writeHead(307, { location: decodeURIComponent(query) }).end()
    else response.writeHead(200, { 'content-type': 'text/html' }).end(html)
  })
  t.teardown(() => { server.close() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function reset (): Promise<void> {
  await db.query('update scim_settings set enabled = true, token_hash = null')
}

async function stored (): Promise<unknown> {
  const { rows } = await db.query('select enabled, token_hash is not null as token from scim_settings')
  return rows[0]
}
