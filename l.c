#include <hdf5.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <time.h>
static double now(void){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec+1e-9*t.tv_nsec;}
int main(int c,char**v){
  int mode=atoi(v[1]), n=atoi(v[2]);
  for(int rep=0;rep<5;rep++){
  hid_t fapl=H5Pcreate(H5P_FILE_ACCESS);
  if(mode&1) H5Pset_libver_bounds(fapl,H5F_LIBVER_V110,H5F_LIBVER_V110);
  H5Pset_fapl_core(fapl,1<<20,0);
  hid_t f=H5Fcreate("x.h5",H5F_ACC_TRUNC,H5P_DEFAULT,fapl);
  hid_t g=H5P_DEFAULT; 
  hid_t gcpl=H5Pcreate(H5P_GROUP_CREATE);
  if(mode&2) H5Pset_link_phase_change(gcpl,65000,60000),H5Pset_est_link_info(gcpl,1000,6);
  hid_t t=H5Gcreate2(f,"tasks",H5P_DEFAULT,gcpl,H5P_DEFAULT);
  double s=now();
  char name[32],file[64],obj[32];
  for(int i=0;i<n;i++){ snprintf(name,32,"%06d",i);snprintf(file,64,"segments/%06d-tasks.h5",i+1);snprintf(obj,32,"/tasks/%06d",i);
    if(mode&4) H5Lcreate_external(file,obj,f,obj+1,H5P_DEFAULT,H5P_DEFAULT); else
    H5Lcreate_external(file,obj,t,name,H5P_DEFAULT,H5P_DEFAULT);}
  double e=now()-s; s=now(); H5Gclose(t); H5Fclose(f);
  if(rep==4)printf("mode %d n %d: %.2f us a link, close %.2f\n",mode,n,1e6*e/n,1e6*(now()-s)/n);
  }
}
