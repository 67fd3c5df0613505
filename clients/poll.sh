#!/bin/sh
# Annotate a VCF by the service: upload, poll, download. Needs curl and nothing else beside POSIX tools.
#
#   clients/poll.sh [-a assembly] [-o out.vcf.gz] FILE [URL]
#
# URL: default $VRS_URL, else http://127.0.0.1:8000. $VRS_TOKEN: a bearer token, where the service wants one.
# Exit code: 0 done, 1 the run failed, was cancelled or has expired (the sentence says why), 2 wrong usage or a
# file that cannot be read or written, 3 the service refused the file or cannot be reached.
set -eu
LC_ALL=C
export LC_ALL
MOST_TRIES=10

say() { printf '%s\n' "$*" >&2; }
fail() { code=$1; shift; say "$*"; exit "$code"; }
usage() { fail 2 "usage: poll.sh [-a assembly] [-o out.vcf.gz] FILE [URL]"; }

assembly='' out=''
while getopts a:o: option; do
  case $option in
    a) assembly=$OPTARG ;;
    o) out=$OPTARG ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
case $# in 1 | 2) ;; *) usage ;; esac

file=$1
url=${2:-${VRS_URL:-http://127.0.0.1:8000}}
url=${url%/}
name=${file##*/}
stem=${name%.gz}
out=${out:-${stem%.vcf}.vrs.vcf.gz}
part=$out.part
case $file in /*) ;; *) file=./$file ;; esac # curl would take - and . for standard input
if [ ! -f "$file" ] || [ ! -r "$file" ]; then fail 2 "$name cannot be read."; fi

tmp=$(mktemp -d) || exit 2
trap 'rm -rf -- "$tmp" "$part"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
(: >"$part") 2>/dev/null || fail 2 "$out cannot be written."

# In a file, for other users see the arguments of a process.
if [ -n "${VRS_TOKEN:-}" ]; then
  printf 'header = "Authorization: Bearer %s"\n' "$(printf '%s' "$VRS_TOKEN" | sed 's/[\\"]/\\&/g')"
fi >"$tmp/config"

# ask CURL-ARGUMENTS: the status code, 000 where there is no answer; its head and body in files.
ask() {
  : >"$tmp/head"
  : >"$tmp/body"
  curl -gsS -K "$tmp/config" --connect-timeout 10 -D "$tmp/head" -o "$tmp/body" -w '%{http_code}' "$@" \
    2>"$tmp/error" || :
}
# carry CURL-ARGUMENTS: a long transfer, with a bar where somebody looks at it.
carry() {
  if [ -t 2 ]; then
    : >"$tmp/error"
    curl -g -# -K "$tmp/config" --connect-timeout 10 "$@"
  else
    curl -gsS -K "$tmp/config" --connect-timeout 10 "$@" 2>"$tmp/error"
  fi
}
header() { grep -i "^$1:" "$tmp/head" | tail -n 1 | sed 's/^[^:]*: *//' | tr -d '\r'; }
member() { # member NAME: a string or a number of the JSON body
  sed -nE "s/.*\"$1\": *(\"(([^\"\\\\]|\\\\.)*)\"|([0-9.eE+-]+)).*/\2\4/p" "$tmp/body" |
    sed 's/\\\(["\\]\)/\1/g'
}
trouble() { # what to say of an answer that is not wanted
  sentence=$(member error)
  [ -n "$sentence" ] || sentence=$(member status_message)
  [ -n "$sentence" ] || sentence=$(cat "$tmp/error")
  case $1 in 30[1278]) sentence="it lies at $(header location)" ;; esac
  printf '%s' "${sentence:-HTTP $1}"
}
fail_if_ended() { # the codes of a run that has ended badly
  case $(member error_code) in
    RUN_FAILURE | TIME_LIMIT_EXCEEDED | WORKER_LOST_ERROR | CANCELLED | EXPIRED) fail 1 "$(trouble "$1")" ;;
  esac
}
passes() { case $1 in 000 | '' | 429 | 502 | 503 | 504) ;; *) return 1 ;; esac; } # may be otherwise later
pause() { # as long as the service says, else so many seconds
  seconds=$(header retry-after)
  case $seconds in '' | *[!0-9]*) seconds=$1 ;; esac
  sleep "$seconds"
}
encode() { printf '%s' "$1" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/&/%26/g; s/+/%2B/g'; }

# Before gigabytes are sent: whether there is a service, and whether it takes the token.
status=$(ask "$url/runs/?page_size=1")
case $status in
  2?? | 429 | 503) ;;
  000 | '') fail 3 "$url cannot be reached: $(trouble 000)" ;;
  *) fail 3 "The service refused: $(trouble "$status")" ;;
esac

# Under a name of its own the upload may be repeated: the same name with the same bytes is the same run.
run=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
query="run_async=True&run_id=$run"
[ -z "$assembly" ] || query="$query&assembly=$(encode "$assembly")"
safe=$(printf '%s' "$name" | tr -c 'A-Za-z0-9._+-' '_')
tries=0
while :; do
  say "Uploading $name to $url."
  : >"$tmp/head"
  : >"$tmp/body"
  status=$(carry -T "$file" -H "Content-Disposition: attachment; filename=\"$safe\"" \
    -D "$tmp/head" -o "$tmp/body" -w '%{http_code}' "$url/vcf?$query") || :
  [ "$status" != 202 ] || break
  tries=$((tries + 1))
  if ! passes "$status" || [ "$tries" -ge "$MOST_TRIES" ]; then
    fail 3 "The service refused the file: $(trouble "$status")"
  fi
  say "Not taken yet: $(trouble "$status")"
  pause "$tries"
done
result=$(header location)
case $result in http://* | https://*) ;; *) result=$url$result ;; esac
result="$result?format=vcf.gz"
say "It is run $run."

# The first answer is held back a little, so that a short run is known to have ended at once.
away=0 hold='Prefer: wait=10'
while :; do
  # One byte is enough to see that the result is there.
  status=$(ask -r 0-0 -H "$hold" "$result")
  case $status in
    200 | 206) break ;;
    202)
      away=0 hold='Prefer: wait=0'
      say "Running, $(member progress | awk '{ printf "%d", $1 * 100 }') % done."
      ;;
    *)
      fail_if_ended "$status"
      passes "$status" || fail 3 "The service refused: $(trouble "$status")"
      away=$((away + 1))
      [ "$away" -le 30 ] || fail 3 "The service does not answer any more: $(trouble "$status")"
      say "No answer; asking again."
      ;;
  esac
  pause 5
done

say "Downloading to $out."
tries=0
until carry -f -C - -o "$part" "$result"; do
  [ $? -ne 23 ] || fail 2 "$out cannot be written: $(cat "$tmp/error")"
  tries=$((tries + 1))
  status=$(ask -r 0-0 "$result")
  fail_if_ended "$status"
  case $status in 2??) ;; *) passes "$status" || fail 3 "The service refused the download: $(trouble "$status")" ;; esac
  [ "$tries" -lt "$MOST_TRIES" ] || fail 3 "The download breaks off again and again: $(trouble "$status")"
  say "The download broke off; going on where it stopped."
  pause "$tries"
done
mv -- "$part" "$out"
say "Done."
