import t, { type Test } from 'tap'
import type { ClientResponse } from './client.ts'
import { hosts } from './hosts.ts'
import { probe } from './probe.ts'
import { hostRequests, startHost, type Host, type RunningHost } from './start-host.ts'

for (const host of hosts) {
  t.test(`${host.has} -> ${host.gets}`, async (t) => {
    if (host.limit !== undefined) return await host.limit(t, () => startHost(t, host))
    const running = await startHost(t, host)
    await probe(t, host, running)
    await host.check?.(t, running)
    await compareOwnRoutes(t, host, running)
  })
}

/** Checks that the host's own routes respond as they do without the plugin. */
async function compareOwnRoutes (t: Test, host: Host, running: RunningHost): Promise<void> {
  const without = await startHost(t, host, { plugin: false })
  for (const request of [...hostRequests, ...host.requests ?? []]) {
    const [actual, expected] = [await running.send(request), await without.send(request)]
    t.strictSame(comparable(actual), comparable(expected), `the host's ${request.method ?? 'GET'} ${request.path}`)
  }
}

/** Leaves out what differs between two equal responses: times, counts and the values of cookies. */
function comparable ({ status, headers, body }: ClientResponse) {
  const { date, 'x-ratelimit-reset': reset, 'x-ratelimit-remaining': remaining, 'set-cookie': cookies, ...rest } = headers
  const cookieNames = [cookies ?? []].flat().map((cookie) => String(cookie).split('=', 1)[0])
  return { status, headers: rest, cookieNames, body }
}
