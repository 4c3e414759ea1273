import type { Provider, ScimResponse } from './scim-provider.ts'

/** What a suite checks of a response, by what it is called there. */
export type Checks = Record<string, (response: ScimResponse) => unknown>

export interface Suite {
  /** Sends a request and runs the checks on its response. */
  step: (name: string, method: string, resource: string, body?: object | string, checks?: Checks) => Promise<ScimResponse>
  /** How many requests were sent and checks were run. */
  counts: { requests: number, checks: number }
  /** The checks that did not hold, as `step: check`. */
  failed: string[]
}

/** Creates a recorder for a suite of an identity provider, which tells what of it holds instead of stopping. */
export function scimSuite ({ send }: Pick<Provider, 'send'>): Suite {
  const counts = { requests: 0, checks: 0 }
  const failed: string[] = []
  return {
    counts,
    failed,
    async step (name, method, resource, body, checks = {}) {
      const response = await send(method, resource, body)
      counts.requests++
      for (const [check, holds] of Object.entries(checks)) {
        counts.checks++
        if (!isTrue(() => holds(response))) failed.push(`${name}: ${check}`)
      }
      return response
    }
  }
}

export const status = (expected: number): Checks => ({ [`status ${expected}`]: ({ status }) => status === expected })

function isTrue (check: () => unknown): boolean {
  try {
    return check() === true
  } catch {
    return false
  }
}
