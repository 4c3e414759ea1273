import t from 'tap'
import { admin, generate, generateOverSocket, startHost } from './helpers/host.ts'
import { listen } from './helpers/raw-http.ts'

interface Case {
  from: string
  site?: string
  origin?: string
  host?: string
  trusted?: string[]
}

const letIn: Case[] = [
  { from: 'no browser' },
  { from: 'a page of the host', site: 'same-origin', origin: 'https://app.example' },
  { from: 'the address bar', site: 'none' },
  { from: 'a page of the host, though a proxy has changed the Host header', site: 'same-origin', origin: 'https://app.example', host: 'internal:4242' },
  { from: 'an older browser, a page of the host', origin: 'https://app.example' },
  { from: 'an older browser, a page of the host before TLS', origin: 'http://app.example' },
  { from: 'an older browser, a port', origin: 'http://app.example:4242', host: 'app.example:4242' },
  { from: 'an older browser, a Host in capitals', origin: 'https://app.example', host: 'APP.example' },
  { from: 'an older browser, IPv6', origin: 'http://[::1]:4242', host: '[::1]:4242' },
  { from: 'a trusted origin', site: 'cross-site', origin: 'https://admin.example', trusted: ['https://other.example', 'https://admin.example'] },
  { from: 'a trusted origin on the same site', site: 'same-site', origin: 'https://admin.example', trusted: ['https://admin.example'] },
  { from: 'an older browser, a trusted origin', origin: 'https://admin.example', trusted: ['https://admin.example'] }
]

const refused: Case[] = [
  { from: 'another site', site: 'cross-site', origin: 'https://evil.example' },
  { from: 'another site that hides its origin', site: 'cross-site', origin: 'null' },
  { from: 'another site without an origin', site: 'cross-site' },
  { from: 'another site with the origin of the host, which no browser sends', site: 'cross-site', origin: 'https://app.example' },
  { from: 'another subdomain', site: 'same-site', origin: 'https://blog.app.example' },
  { from: 'a Sec-Fetch-Site in capitals, which no browser sends', site: 'SAME-ORIGIN', origin: 'https://app.example' },
  { from: 'an empty Sec-Fetch-Site, which no browser sends', site: '', origin: 'https://app.example' },
  { from: 'an older browser, another site', origin: 'https://evil.example' },
  { from: 'an older browser, another port', origin: 'https://app.example:8443' },
  { from: 'an older browser, a site whose name starts with that of the host', origin: 'https://app.example.evil.example' },
  { from: 'an older browser, a site with the host as its user', origin: 'https://app.example@evil.example' },
  { from: 'an older browser, a sandboxed page', origin: 'null' },
  { from: 'an older browser, an empty origin', origin: '' },
  { from: 'an older browser, an origin that is none', origin: 'app.example' },
  { from: 'a trusted name without TLS', site: 'cross-site', origin: 'http://admin.example', trusted: ['https://admin.example'] },
  { from: 'a trusted name at another port', site: 'cross-site', origin: 'https://admin.example:8443', trusted: ['https://admin.example'] },
  { from: 'a site whose name starts with a trusted one', site: 'cross-site', origin: 'https://admin.example.evil.example', trusted: ['https://admin.example'] },
  { from: 'a sandboxed page, where others are trusted', site: 'cross-site', origin: 'null', trusted: ['https://admin.example'] },
  { from: 'a page without an origin, where others are trusted', site: 'cross-site', trusted: ['https://admin.example'] }
]

for (const [cases, status] of [[letIn, 200], [refused, 403]] as const) {
  for (const { from, site, origin, host = 'app.example', trusted = [] } of cases) {
    t.test(`${status} from ${from}`, async (t) => {
      const { app, replaced } = await startHost(t, { options: { trustedOrigins: trusted } })
      const response = await generate(app, {
        ...admin,
        host,
        ...(site !== undefined && { 'sec-fetch-site': site }),
        ...(origin !== undefined && { origin })
      })
      t.equal(response.statusCode, status)
      t.equal(replaced.length, status === 200 ? 1 : 0)
    })
  }
}

t.test('a page of another origin is refused before the host is asked who it is', async (t) => {
  const asked: string[] = []
  const { app } = await startHost(t, {
    resolver: {
      authenticate: () => { asked.push('authenticate'); return {} },
      authorize: () => { asked.push('authorize'); return true }
    }
  })
  t.equal((await generate(app, { ...admin, 'sec-fetch-site': 'cross-site' })).statusCode, 403)
  t.same(asked, [])

  await generate(app, admin)
  t.same(asked, ['authenticate', 'authorize'])
})

t.test('a header that is sent twice lets nobody in', async (t) => {
  const { app } = await startHost(t, { options: { trustedOrigins: ['https://admin.example'] } })
  const url = await listen(app)
  for (const headers of [
    { 'sec-fetch-site': ['same-origin', 'cross-site'] },
    { 'sec-fetch-site': 'cross-site', origin: ['https://admin.example', 'https://evil.example'] },
    { origin: ['http://localhost', 'http://localhost'] }
  ]) {
    t.equal((await generateOverSocket(url, { ...admin, ...headers })).status, 403, JSON.stringify(headers))
  }
})

t.test('X-Forwarded-Host counts where the host trusts its proxy, and only there', async (t) => {
  const headers = { ...admin, origin: 'https://app.example', host: 'internal:4242', 'x-forwarded-host': 'app.example' }
  const behindProxy = await startHost(t, { server: { trustProxy: true } })
  t.equal((await generate(behindProxy.app, headers)).statusCode, 200)

  const inTheOpen = await startHost(t)
  t.equal((await generate(inTheOpen.app, headers)).statusCode, 403)
})
