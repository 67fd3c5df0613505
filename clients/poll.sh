#!/bin/sh
# Annotate a VCF with the service: upload, poll, download. Needs curl and POSIX tools.
#
#   clients/poll.sh [-a assembly] [-o out.vcf.gz] FILE [URL]
#
# URL: default $VRS_URL, else http://127.0.0.1:8000. $VRS_TOKEN: a bearer token, if the service requires one.
# Exit code: 0 done; 1 the run failed, was cancelled or has expired (the sentence says why); 2 wrong usage, or a
# file cannot be read or written; 3 the service refused the file or cannot be reached.
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
stem=${stem%.bcf}
out=${out:-${stem%.vcf}.vrs.vcf.gz}
part=$out.part
case $file in /*) ;; *) file=./$file ;; esac # curl reads - and . as standard input
if [ ! -f "$file" ] || [ ! -r "$file" ]; then fail 2 "$name cannot be read."; fi

tmp=$(mktemp -d) || exit 2
trap 'rm -rf -- "$tmp" "$part"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
(: >"$part") 2>/dev/null || fail 2 "$out cannot be written."

# In a file: other users can see the arguments of a process.
if [ -n "${VRS_TOKEN:-}" ]; then
  printf 'header = "Authorization: Bearer %s"\n' "$(printf '%s' "$VRS_TOKEN" | sed 's/[\\"]/\\&/g')"
fi >"$tmp/config"

# ask CURL-ARGUMENTS: print the status code, 000 without an answer; head and body go to files.
ask() {
  : >"$tmp/head"
  : >"$tmp/body"
  curl -gsS -K "$tmp/config" --connect-timeout 10 -D "$tmp/head" -o "$tmp/body" -w '%{http_code}' "$@" \
    2>"$tmp/error" || :
}
# carry CURL-ARGUMENTS: a long transfer, with a progress bar on a terminal.
carry() {
  if [ -t 2 ]; then
    : >"$tmp/error"
    curl -g -# -K "$tmp/config" --connect-timeout 10 "$@"
  else
    curl -gsS -K "$tmp/config" --connect-timeout 10 "$@" 2>"$tmp/error"
  fi
}
header() { grep -i "^$1:" "$tmp/head" | tail -n 1 | sed 's/^[^:]*: *//' | tr -d '\r'; }
member() { # member NAME: print a string or number of the JSON body
  sed -nE "s/.*\"$1\": *(\"(([^\"\\\\]|\\\\.)*)\"|([0-9.eE+-]+)).*/\2\4/p" "$tmp/body" |
    sed 's/\\\(["\\]\)/\1/g'
}
trouble() { # the sentence for an unexpected answer
  sentence=$(member error)
  [ -n "$sentence" ] || sentence=$(member status_message)
  [ -n "$sentence" ] || sentence=$(cat "$tmp/error")
  case $1 in 30[1278]) sentence="it is at $(header location)" ;; esac
  printf '%s' "${sentence:-HTTP $1}"
}
fail_if_ended() { # exit when the run has no result: then a poll gets plain JSON, for any other refusal a problem
  case $(header content-type) in application/problem+json*) return ;; esac
  [ -z "$(member error_code)" ] || fail 1 "$(trouble "$1")"
}
passes() { case $1 in 000 | '' | 429 | 502 | 503 | 504) ;; *) return 1 ;; esac; } # worth another try
pause() { # as long as the service says, else $1 seconds
  seconds=$(header retry-after)
  case $seconds in '' | *[!0-9]*) seconds=$1 ;; esac
  sleep "$seconds"
}
encode() { printf '%s' "$1" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/&/%26/g; s/+/%2B/g'; }

# Before gigabytes are sent: is the service there, and does it accept the token?
status=$(ask "$url/runs/?page_size=1")
case $status in
  2?? | 429 | 503) ;;
  000 | '') fail 3 "$url cannot be reached: $(trouble 000)" ;;
  *) fail 3 "The service refused: $(trouble "$status")" ;;
esac

# A random run_id makes the upload safe to repeat: the same run_id with the same bytes is the same run.
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
  say "Not accepted yet: $(trouble "$status")"
  pause "$tries"
done
result=$(header location)
case $result in http://* | https://*) ;; *) result=$url$result ;; esac
result="$result?format=vcf.gz"
say "It is run $run."

# The service holds the first answer for up to 10 s, so a short run needs one request.
away=0 hold='Prefer: wait=10'
while :; do
  # One byte shows that the result is there.
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
      [ "$away" -le 30 ] || fail 3 "The service no longer answers: $(trouble "$status")"
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
  [ "$tries" -lt "$MOST_TRIES" ] || fail 3 "The download keeps breaking off: $(trouble "$status")"
  say "The download broke off; resuming."
  pause "$tries"
done
mv -- "$part" "$out"
say "Done."
