import { describeSettings } from "../config/settings.ts";

/** `carillon --help`. */
export function describeUsage(): string {
  return `Carillon, a WebSub hub

usage: carillon [COMMAND] [SETTINGS]

commands
  serve          run the hub (also without a command)
  demo           run the hub with a sample publisher and a sample subscriber
  config         print every setting, its value and where it comes from
  backup         FILE: copy the SQLite database to FILE, whole and checked, while a hub runs; --force replaces FILE
  restore        FILE: put a backup in the place of the database, which is kept under another name; no hub may run
  verify-data    look through the whole database while hubs run, tell each fault in a line, and end with 1 if there is any
  export         [FILE]: all subscriptions, a line of JSON each, to FILE or standard output, while hubs run; --secrets tells
                 the secrets too
  import         [FILE]: add the subscriptions of such lines, all or none, without asking their callbacks
  migrate-store  --from URL --to URL: move everything from one database, file:… or postgres://…, to another, empty
                 one, and compare the two; no hub may run on either
  block          KIND VALUE --reason TEXT: refuse what matches and end its subscriptions. KIND: callback-host, callback,
                 client, topic, publisher (all topics at a host)
  unblock        KIND VALUE: take that back
  blocks         list what is blocked
  rotate-key     seal all secrets in the database with the first key of CARILLON_SECRET_KEY; --give-up KEY: instead, and
                 without a hub, end the subscriptions whose secrets are sealed with KEY, which is lost
  --help         this text
  --version      the version

settings (in parentheses: the default)
${describeSettings()}

exit codes
  0  stopped in order by SIGINT or SIGTERM
  1  could not start, or failed
  2  wrong command or settings
  130, 143  cut short by a second SIGINT or SIGTERM`;
}
