import t from 'tap'
import { admin, generate, generateOverSocket, startHost } from '../helpers/host.ts'
import { listen } from '../helpers/raw-http.ts'

interface Case {
  from: string
  site?: string
  origin?: string
  host?: string
  trusted?: string[]
}

const accepted: Case[] = [
  { from: 'a client that is not a browser' },
  { from: 'a page of the host', site: 'same-origin', origin: 'https://app.example' },
  { from: 'the address bar', site: 'none' },
  { from: 'a page of the host, though a proxy has changed the Host header', site: 'same-origin', origin: 'https://app.example', host: 'internal:4242' },
  { from: 'an older browser, a page of the host', origin: 'https://app.example' },
  { from: 'an older browser, a page of the host before TLS', origin: 'http://app.example' },
  { from: 'an older browser, a port', origin: 'http://app.example:4242', host: 'app.example:4242' },
  { from: 'an older browser, a Host header in capitals', origin: 'https://app.example', host: 'APP.example' },
  { from: 'an older browser, IPv6', origin: 'http://[::1]:4242', host: '[::1]:4242' },
  { from: 'an older browser, a Host header with the default port of https', origin: 'https://app.example', host: 'app.example:443' },
  { from: 'an older browser, a Host header with the default port of http', origin: 'http://app.example', host: 'app.example:80' },
  { from: 'an older browser, a long form of IPv6', origin: 'http://[::1]:4242', host: '[0:0:0:0:0:0:0:1]:4242' },
  { from: 'an older browser, a long form of IPv6 and a default port', origin: 'https://[2001:db8::1]', host: '[2001:0DB8:0:0:0:0:0:1]:443' },
  { from: 'a trusted origin', site: 'cross-site', origin: 'https://admin.example', trusted: ['https://other.example', 'https://admin.example'] },
  { from: 'a trusted origin on the same site', site: 'same-site', origin: 'https://admin.example', trusted: ['https://admin.example'] },
  { from: 'an older browser, a trusted origin', origin: 'https://admin.example', trusted: ['https://admin.example'] }
]

const rejected: Case[] = [
  { from: 'another site', site: 'cross-site', origin: 'https://evil.example' },
  { from: 'another site that hides its origin', site: 'cross-site', origin: 'null' },
  { from: 'another site without an origin', site: 'cross-site' },
  { from: 'another site with the origin of the host, which no browser sends', site: 'cross-site', origin: 'https://app.example' },
  { from: 'another subdomain', site: 'same-site', origin: 'https://blog.app.example' },
  { from: 'a Sec-Fetch-Site in capitals, which no browser sends', site: 'SAME-ORIGIN', origin: 'https://app.example' },
  { from: 'an empty Sec-Fetch-Site, which no browser sends', site: '', origin: 'https://app.example' },
  { from: 'an older browser, another site', origin: 'https://evil.example' },
  { from: 'an older browser, another port', origin: 'https://app.example:8443' },
  { from: 'an older browser, the default port of http for https', origin: 'https://app.example', host: 'app.example:80' },
  { from: 'an older browser, the default port of https for http', origin: 'http://app.example', host: 'app.example:443' },
  { from: 'an older browser, another port of the Host header', origin: 'https://app.example', host: 'app.example:8443' },
  { from: 'an older browser, a scheme that ends like https', origin: 'xhttps://app.example' },
  { from: 'an older browser, an extension with the name of the host', origin: 'chrome-extension://app.example' },
  { from: 'an older browser, another scheme with the name of the host', origin: 'ws://app.example' },
  { from: 'an older browser, a Host header that is not a host', origin: 'https://app.example', host: 'evil.example@app.example' },
  { from: 'an older browser, a Host header with a path', origin: 'https://app.example', host: 'app.example/evil' },
  { from: 'an older browser, a site whose name starts with that of the host', origin: 'https://app.example.evil.example' },
  { from: 'an older browser, a site with the host as its user', origin: 'https://app.example@evil.example' },
  { from: 'an older browser, a sandboxed page', origin: 'null' },
  { from: 'an older browser, an empty origin', origin: '' },
  { from: 'an older browser, an Origin without a scheme', origin: 'app.example' },
  { from: 'a trusted name without TLS', site: 'cross-site', origin: 'http://admin.example', trusted: ['https://admin.example'] },
  { from: 'a trusted name at another port', site: 'cross-site', origin: 'https://admin.example:8443', trusted: ['https://admin.example'] },
  { from: 'a site whose name starts with a trusted one', site: 'cross-site', origin: 'https://admin.example.evil.example', trusted: ['https://admin.example'] },
  { from: 'a sandboxed page, with another origin trusted', site: 'cross-site', origin: 'null', trusted: ['https://admin.example'] },
  { from: 'a page without an origin, with another origin trusted', site: 'cross-site', trusted: ['https://admin.example'] }
]

for (const [cases, status] of [[accepted, 200], [rejected, 403]] as const) {
  for (const { from, site, origin, host = 'app.example', trusted = [] } of cases) {
    t.test(`a POST from ${from} -> ${status}`, async (t) => {
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

t.test('a POST from another origin -> 403 before authenticate() is called', async (t) => {
  const calls: string[] = []
  const { app } = await startHost(t, {
    resolver: {
      authenticate: () => { calls.push('authenticate'); return {} },
      authorize: () => { calls.push('authorize'); return true }
    }
  })
  t.equal((await generate(app, { ...admin, 'sec-fetch-site': 'cross-site' })).statusCode, 403)
  t.same(calls, [])

  await generate(app, admin)
  t.same(calls, ['authenticate', 'authorize'])
})

t.test('Sec-Fetch-Site or Origin sent twice -> 403', async (t) => {
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

t.test('X-Forwarded-Host -> used only if the host trusts its proxy', async (t) => {
  const headers = { ...admin, origin: 'https://app.example', host: 'internal:4242', 'x-forwarded-host': 'app.example' }
  const behindProxy = await startHost(t, { server: { trustProxy: true } })
  t.equal((await generate(behindProxy.app, headers)).statusCode, 200)

  const withoutProxy = await startHost(t)
  t.equal((await generate(withoutProxy.app, headers)).statusCode, 403)
})

t.test('X-Forwarded-Host with a default port, from a trusted proxy -> the own page is accepted, another port is not', async (t) => {
  const { app } = await startHost(t, { server: { trustProxy: true } })
  for (const [forwarded, status] of [['app.example:443', 200], ['app.example:8443', 403], ['app.example:80', 403]] as const) {
    const response = await generate(app, { ...admin, origin: 'https://app.example', host: 'internal:4242', 'x-forwarded-host': forwarded })
    t.equal(response.statusCode, status, forwarded)
  }
})
