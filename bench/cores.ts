import { execFileSync, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const pinned = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0
const others = `1-${availableParallelism() - 1}`

/** How the work is spread over the cores. */
export const cores = pinned
  ? `server on core 0, load generator and database on ${availableParallelism() > 2 ? `cores ${others}` : 'core 1'}`
  : 'server and load generator share the cores'

/** Moves this process, and so whatever it starts, away from the cores of the servers. */
export function leaveServerCores (): void {
  if (pinned) execFileSync('taskset', ['-a', '-c', '-p', others, String(process.pid)], { stdio: 'ignore' })
}

/** Answers the command that runs a command on the cores of the servers. */
export function onServerCores (command: [string, ...string[]]): [string, ...string[]] {
  return pinned ? ['taskset', '-c', '0', ...command] : command
}
