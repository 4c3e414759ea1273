import { execFileSync, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const pinned = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0
const others = `1-${availableParallelism() - 1}`

/** How the work is spread over the cores. */
export const cores = pinned
  ? `measured process on core 0, load generator and database on ${availableParallelism() > 2 ? `cores ${others}` : 'core 1'}`
  : 'the measured process shares all cores'

/** Moves this process, and whatever it starts, away from the measured core. */
export function leaveMeasuredCore (): void {
  if (pinned) execFileSync('taskset', ['-a', '-c', '-p', others, String(process.pid)], { stdio: 'ignore' })
}

/** Returns the command that runs a command on the measured core. */
export function onMeasuredCore (command: [string, ...string[]]): [string, ...string[]] {
  return pinned ? ['taskset', '-c', '0', ...command] : command
}
